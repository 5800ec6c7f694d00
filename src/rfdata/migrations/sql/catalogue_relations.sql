-- Tables, views, materialized views, foreign tables and sequences, with all that is theirs alone.
WITH ours AS MATERIALIZED (
    SELECT n.oid, n.nspname FROM pg_namespace AS n
    WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rfdata')
)
SELECT
    'pg_class'::regclass::oid,
    c.oid,
    0,
    CASE c.relkind
        WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
        WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'sequence'
    END,
    format('%I.%I', n.nspname, c.relname),
    format('schema %I', n.nspname),
    json_build_object(
        'owner', pg_get_userbyid(c.relowner),
        'privileges', ARRAY(
            SELECT item::text
            FROM unnest(coalesce(
                c.relacl,
                acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)
            )) AS item
        ),
        'persistence', CASE c.relpersistence WHEN 'u' THEN 'unlogged' WHEN 't' THEN 'temporary' END,
        'access method', a.amname,
        'tablespace', s.spcname,
        'options', c.reloptions,
        'TOAST options', t.reloptions,
        'row security', CASE WHEN c.relrowsecurity THEN 'yes' END,
        'row security forced', CASE WHEN c.relforcerowsecurity THEN 'yes' END,
        'replica identity',
        CASE c.relreplident WHEN 'f' THEN 'full' WHEN 'n' THEN 'nothing' WHEN 'i' THEN 'index' END,
        'of type', nullif(c.reloftype, 0)::regtype::text,
        'partitioned by', pg_get_partkeydef(c.oid),
        'partition bound', pg_get_expr(c.relpartbound, c.oid),
        'partition being detached',
        (
            SELECT 'yes' FROM pg_inherits AS i
            WHERE i.inhrelid = c.oid AND i.inhdetachpending
        ),
        'default partition',
        (SELECT p.partdefid::regclass::text FROM pg_partitioned_table AS p
            WHERE p.partrelid = c.oid AND p.partdefid <> 0),
        'inherits', (
            SELECT string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno)
            FROM pg_inherits AS i WHERE i.inhrelid = c.oid
        ),
        'definition', CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
        'populated', CASE WHEN c.relkind = 'm' AND NOT c.relispopulated THEN 'not' END,
        'server', f.srvname,
        'foreign options', f.ftoptions,
        'column order', CASE WHEN c.relkind <> 'S' THEN ARRAY(
            SELECT quote_ident(k.attname) FROM pg_attribute AS k
            WHERE k.attrelid = c.oid AND k.attnum > 0 AND NOT k.attisdropped
            ORDER BY k.attnum
        ) END,
        'numbers', (
            SELECT format(
                '%s from %s by %s, %s to %s, cache %s%s',
                format_type(q.seqtypid, NULL), q.seqstart, q.seqincrement, q.seqmin, q.seqmax,
                q.seqcache, CASE WHEN q.seqcycle THEN ', cycle' ELSE '' END
            )
            FROM pg_sequence AS q WHERE q.seqrelid = c.oid
        ),
        'owned by', CASE WHEN c.relkind = 'S' THEN (
            SELECT format('%s.%I', d.refobjid::regclass, k.attname)
            FROM pg_depend AS d
            INNER JOIN pg_attribute AS k ON k.attrelid = d.refobjid AND k.attnum = d.refobjsubid
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
        ) END
    )
FROM pg_class AS c
INNER JOIN ours AS n ON n.oid = c.relnamespace
LEFT JOIN pg_am AS a ON a.oid = c.relam
LEFT JOIN pg_tablespace AS s ON s.oid = c.reltablespace
LEFT JOIN pg_class AS t ON t.oid = c.reltoastrelid
LEFT JOIN (
    pg_foreign_table AS ft INNER JOIN pg_foreign_server AS fs ON fs.oid = ft.ftserver
) AS f ON f.ftrelid = c.oid
WHERE
    c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    AND NOT EXISTS (
        SELECT FROM pg_depend AS e
        WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e'
    )
