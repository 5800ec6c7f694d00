-- Of every user in turn, alive for hours yet, last seen long enough ago that a touch has to write it.
SET synchronous_commit = off;
INSERT INTO session.sessions
    (token_hash, user_id, organization_id, data, user_agent, created_at, last_seen_at, idle_limit, expires_at)
SELECT
    sha256(convert_to('token ' || s, 'UTF8')),
    benchmark.id(2, 1 + s %% (%(organizations)s * %(members)s)),
    benchmark.id(1, 1 + (s %% (%(organizations)s * %(members)s)) / %(members)s),
    jsonb_build_object('theme', 'dark', 'number', s),
    'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
    now() - interval '1 hour',
    now() - interval '5 minutes',
    interval '1 day',
    now() + interval '11 hours' + s %% 3600 * interval '1 second'
FROM generate_series(%(first)s::bigint, %(last)s) AS s;
