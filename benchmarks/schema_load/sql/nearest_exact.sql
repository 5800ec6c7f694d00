-- The ten nearest of each query, by looking at every chunk once. Whatever the search found first is
-- a bound: a chunk farther away than the tenth of those is none of the ten nearest.
CREATE TABLE benchmark.bounded (LIKE benchmark.queries, found uuid[] NOT NULL, bound double precision NOT NULL);
ALTER TABLE benchmark.bounded ALTER embedding SET STORAGE plain;
INSERT INTO benchmark.bounded
SELECT q.*, s.found, s.bound
FROM benchmark.queries AS q
CROSS JOIN LATERAL (
    SELECT array_agg(chunk_id) AS found, max(distance) AS bound
    FROM knowledge.search_vector(q.embedding, 10)
    WHERE q.id IS NOT NULL
) AS s;
ANALYZE benchmark.bounded;

SET enable_indexscan = off;
WITH candidates AS (
    SELECT b.id AS query, c.id AS chunk, b.embedding OPERATOR(public.<=>) c.direction AS distance
    FROM (
        -- A copy, so that a chunk is fetched from where long values are kept once and not for each query.
        SELECT id, public.l2_normalize(embedding) AS direction
        FROM knowledge.chunks
        WHERE organization_id = identity.current_organization()
        OFFSET 0
    ) AS c
    JOIN benchmark.bounded AS b ON b.embedding OPERATOR(public.<=>) c.direction <= b.bound + 1e-6
), nearest AS (
    SELECT query, chunk, row_number() OVER (PARTITION BY query ORDER BY distance, chunk) AS place
    FROM candidates
)
SELECT b.near, count(*) FILTER (WHERE n.chunk = ANY (b.found)), count(*)
FROM nearest AS n JOIN benchmark.bounded AS b ON b.id = n.query
WHERE n.place <= 10
GROUP BY b.near
ORDER BY b.near DESC;
