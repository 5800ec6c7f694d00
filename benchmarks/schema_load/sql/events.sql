-- The chains of some organizations, each with its head.
SET synchronous_commit = off;
INSERT INTO audit.events
SELECT event.*
FROM generate_series(%(first)s, %(last)s) AS o,
    benchmark.chain(benchmark.id(1, o), (o - 1) * %(members)s + 1, %(each)s) AS event;

INSERT INTO audit.chains (organization_id, sequence, hash, last_at)
SELECT DISTINCT ON (organization_id) organization_id, sequence, hash, occurred_at
FROM audit.events
WHERE organization_id IN (SELECT benchmark.id(1, o) FROM generate_series(%(first)s, %(last)s) AS o)
ORDER BY organization_id, sequence DESC;
