SELECT count(*) = 2 AND bool_and(c.relrowsecurity) AS every_table_of_an_organization_is_isolated
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_policy AS p ON p.polrelid = c.oid AND p.polname = 'organization_isolation'
WHERE c.relnamespace = 'knowledge'::regnamespace AND c.relname IN ('papers', 'chunks');

SELECT count(*) = 2 AND bool_and(i.indisvalid AND i.indisready) AS both_searches_have_their_index
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_am AS m ON m.oid = c.relam
WHERE i.indrelid = 'knowledge.chunks'::regclass AND m.amname IN ('hnsw', 'gin');

SELECT NOT EXISTS (
    SELECT FROM knowledge.search('anything', NULL)
) AS without_an_organization_nothing_is_found;
