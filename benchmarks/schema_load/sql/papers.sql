-- Topics are unit vectors in random directions. The first organization has four fifths of the papers.
SET synchronous_commit = off;
SELECT setseed(0.25);

CREATE FUNCTION benchmark.noise(size double precision, because bigint) RETURNS public.vector
LANGUAGE sql VOLATILE PARALLEL RESTRICTED
AS $$
    SELECT array_agg(random_normal(0, size / sqrt(1536)))::public.vector(1536)
    FROM generate_series(1, 1536)
    WHERE because IS NOT NULL
$$;
CREATE FUNCTION benchmark.word(number bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN left(translate(md5(number::text), '0123456789', 'ghijklmnop'), 7);

CREATE TABLE benchmark.topics (id bigint PRIMARY KEY, direction public.vector(1536) NOT NULL);
ALTER TABLE benchmark.topics ALTER direction SET STORAGE plain;
INSERT INTO benchmark.topics
SELECT t, public.l2_normalize(benchmark.noise(1, t)) FROM generate_series(0, %(topics)s - 1) AS t;

-- Half of the queries are made like one chunk more, half point anywhere.
CREATE TABLE benchmark.queries (
    id bigint PRIMARY KEY, near boolean NOT NULL, words text NOT NULL, embedding public.vector(1536) NOT NULL
);
ALTER TABLE benchmark.queries ALTER embedding SET STORAGE plain;
GRANT SELECT ON benchmark.queries TO PUBLIC;
INSERT INTO benchmark.queries
SELECT
    q,
    q <= %(queries)s,
    benchmark.word(1000000 + topics.id) || ' or ' || benchmark.word(1000 + q),
    public.l2_normalize(
        CASE WHEN q <= %(queries)s THEN topics.direction OPERATOR(public.+) benchmark.noise(1, q)
             ELSE benchmark.noise(1, q) END
    )
FROM generate_series(1, 2 * %(queries)s) AS q
JOIN benchmark.topics ON topics.id = q %% %(topics)s;

INSERT INTO knowledge.papers (id, organization_id, title, source, license)
SELECT
    benchmark.id(4, p),
    benchmark.id(1, CASE WHEN p <= %(papers)s * 0.8 THEN 1 ELSE 2 + p %% (%(organizations)s - 1) END),
    'Paper ' || p, 'benchmark', 'unknown'
FROM generate_series(1, %(papers)s) AS p;
