-- Vector indexes that work, and indexes of any kind that don't.
SELECT
    n.nspname || '.' || c.relname,
    i.indisvalid,
    CASE WHEN i.indisvalid THEN pg_get_indexdef(i.indexrelid) END
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_am AS m ON m.oid = c.relam
WHERE
    (NOT i.indisvalid OR m.amname IN ('hnsw', 'ivfflat'))
    AND n.nspname !~ '^pg_'
    AND n.nspname NOT IN ('information_schema', 'rfdata')
ORDER BY n.nspname, c.relname
