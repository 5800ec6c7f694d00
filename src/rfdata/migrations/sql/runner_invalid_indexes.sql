-- What a CREATE INDEX CONCURRENTLY leaves when it fails; a partitioned table's index is another matter.
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relname
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND c.relkind = 'i'
ORDER BY 1
