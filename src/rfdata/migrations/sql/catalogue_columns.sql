-- Columns of tables, views and composite types; what is usual for a column is left out.
WITH ours AS MATERIALIZED (
    SELECT n.oid, n.nspname FROM pg_namespace AS n
    WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rfdata')
)
SELECT
    'pg_class'::regclass::oid,
    c.oid,
    k.attnum,
    CASE c.relkind WHEN 'c' THEN 'attribute' ELSE 'column' END,
    format('%I.%I.%I', n.nspname, c.relname, k.attname),
    format(
        '%s %I.%I',
        CASE c.relkind
            WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
            WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'type'
        END,
        n.nspname, c.relname
    ),
    json_build_object(
        'type', format_type(k.atttypid, k.atttypmod),
        'not null', CASE WHEN k.attnotnull THEN 'yes' END,
        'default', CASE WHEN k.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END,
        'generated', CASE WHEN k.attgenerated <> ''
            THEN pg_get_expr(d.adbin, d.adrelid)
                || CASE k.attgenerated WHEN 's' THEN ' stored' ELSE ' virtual' END END,
        'identity', CASE k.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END,
        'collation', CASE WHEN k.attcollation <> t.typcollation
            THEN nullif(k.attcollation, 0)::regcollation::text END,
        'storage', CASE WHEN k.attstorage <> t.typstorage THEN CASE k.attstorage
            WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external' WHEN 'm' THEN 'main' ELSE 'extended'
        END END,
        'compression', CASE k.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END,
        'statistics', nullif(k.attstattarget, -1)::text,
        'options', k.attoptions,
        'foreign options', k.attfdwoptions,
        'privileges', nullif(k.attacl, '{}')::text [],
        'inherited', CASE WHEN k.attinhcount > 0
            THEN k.attinhcount || CASE WHEN k.attislocal THEN ' and its own' ELSE '' END END
    )
FROM pg_attribute AS k
INNER JOIN pg_class AS c ON c.oid = k.attrelid
INNER JOIN ours AS n ON n.oid = c.relnamespace
INNER JOIN pg_type AS t ON t.oid = k.atttypid
LEFT JOIN pg_attrdef AS d ON d.adrelid = k.attrelid AND d.adnum = k.attnum
WHERE
    k.attnum > 0 AND NOT k.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
    AND NOT EXISTS (
        SELECT FROM pg_depend AS e
        WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e'
    )
