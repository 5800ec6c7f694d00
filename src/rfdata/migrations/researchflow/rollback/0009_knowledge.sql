REVOKE USAGE ON SCHEMA public FROM rf_knowledge_read, rf_knowledge_write;
DROP FUNCTION knowledge.search(text, public.vector, bigint, text, bigint);
DROP FUNCTION knowledge.search_vector(public.vector, bigint, text, bigint);
DROP FUNCTION knowledge.follow_index(uuid, public.vector, bigint, text, bigint);
DROP FUNCTION knowledge.compare_all(uuid, public.vector, bigint, text);
DROP FUNCTION knowledge.search_text(text, bigint);
DROP TABLE knowledge.chunks;
DROP TABLE knowledge.papers;
