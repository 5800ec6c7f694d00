DROP FUNCTION knowledge.search(text, public.vector, bigint, text, bigint);
DROP FUNCTION knowledge.search_vector(public.vector, bigint, text, bigint);
DROP FUNCTION knowledge.search_text(text, bigint);
DROP TABLE knowledge.chunks;
DROP TABLE knowledge.papers;
