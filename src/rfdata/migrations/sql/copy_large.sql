-- Tables whose rows are left out of a copy: the large ones, and those that refer to one of them.
WITH RECURSIVE without_rows AS (
    SELECT c.oid
    FROM pg_class AS c
    WHERE c.relkind IN ('r', 'm') AND pg_table_size(c.oid) > %(limit)s
        AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    UNION
    SELECT k.conrelid
    FROM pg_constraint AS k
    INNER JOIN without_rows AS w ON w.oid = k.confrelid
    WHERE k.contype = 'f'
)

SELECT format('"%%s"."%%s"', replace(n.nspname, '"', '""'), replace(c.relname, '"', '""'))
FROM without_rows AS w
INNER JOIN pg_class AS c ON c.oid = w.oid
INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
ORDER BY 1
