-- A chunk is its topic's direction plus noise of the same length, made a unit vector again: the cosine
-- of two chunks of one topic is about 0.5, of two topics about 0. Words by a power law, and two of
-- the topic's own.
SET synchronous_commit = off;
SELECT setseed(%(seed)s);
INSERT INTO knowledge.chunks (organization_id, paper_id, position, content, embedding, model)
SELECT
    p.organization_id,
    p.id,
    (n - 1) %% 10,
    benchmark.word(1000000 + t.id) || ' ' || benchmark.word(2000000 + t.id) || ' ' || (
        SELECT string_agg(benchmark.word(floor(5000 * random() ^ 3)::bigint), ' ')
        FROM generate_series(1, 40)
        WHERE n IS NOT NULL
    ),
    public.l2_normalize(t.direction OPERATOR(public.+) (
        -- benchmark.noise(1, n), written out: as a function it takes half as long again.
        SELECT array_agg(random_normal(0, 1 / sqrt(1536)))::public.vector(1536)
        FROM generate_series(1, 1536)
        WHERE n IS NOT NULL
    )),
    'synthetic'
FROM generate_series(%(first)s::bigint, %(last)s) AS n
JOIN knowledge.papers AS p ON p.id = benchmark.id(4, (n - 1) / 10 + 1)
JOIN benchmark.topics AS t ON t.id = n %% %(topics)s;
