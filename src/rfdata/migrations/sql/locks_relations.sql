-- What somebody could be reading or writing: everything but indexes, of our schemas.
SELECT c.oid::bigint, n.nspname, c.relname, c.relkind IN ('r', 'm')
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE
    c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rfdata')
    AND c.relpersistence <> 't'
ORDER BY n.nspname, c.relname
