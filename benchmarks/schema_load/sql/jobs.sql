-- A queue that is long enough for every claim of the benchmark.
SET synchronous_commit = off;
INSERT INTO research.jobs (organization_id, kind, payload, priority, run_at, created_by)
SELECT
    benchmark.id(1, 1 + j %% %(organizations)s),
    (ARRAY['analysis', 'export', 'embed'])[1 + j %% 3],
    jsonb_build_object('number', j),
    j %% 5,
    now() - interval '1 hour' + j * interval '1 millisecond',
    benchmark.id(2, 1 + (j %% %(organizations)s) * %(members)s)
FROM generate_series(1, %(jobs)s) AS j;
