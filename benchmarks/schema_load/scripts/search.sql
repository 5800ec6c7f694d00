\set query random(1, :queries)
\set member random(1, :members)
BEGIN;
SELECT identity.enter(benchmark.id(1, 1), benchmark.id(2, :member));
SELECT found.chunk_id, found.title, found.content, found.score FROM benchmark.queries AS q, knowledge.search(q.words, q.embedding, 10) AS found WHERE q.id = :query;
COMMIT;
