-- Columns that a valid index begins with.
SELECT DISTINCT n.nspname || '.' || c.relname || '.' || a.attname
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE
    i.indisvalid
    AND n.nspname !~ '^pg_'
    AND n.nspname NOT IN ('information_schema', 'rfdata')
