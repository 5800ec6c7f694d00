SELECT
    i.indrelid,
    c.relname::text,
    m.amname::text,
    right(
        pg_get_indexdef(i.indexrelid),
        -length(
            format(
                'CREATE %%sINDEX %%I ON %%s%%I.%%I USING ',
                CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END,
                c.relname,
                CASE WHEN c.relkind = 'I' THEN 'ONLY ' ELSE '' END,
                n.nspname,
                t.relname
            )
        )
    ),
    i.indisunique,
    i.indisvalid,
    EXISTS (
        SELECT FROM pg_constraint AS k
        WHERE k.conrelid = i.indrelid AND k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
    ),
    CASE
        WHEN c.relkind = 'I'
            THEN (
                SELECT coalesce(sum(pg_relation_size(x.relid)), 0)::bigint
                FROM pg_partition_tree(c.oid) AS x
                WHERE x.isleaf
            )
        ELSE pg_relation_size(c.oid)
    END,
    coalesce(obj_description(c.oid, 'pg_class'), '')
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN pg_am AS m ON m.oid = c.relam
JOIN pg_class AS t ON t.oid = i.indrelid
JOIN pg_namespace AS n ON n.oid = t.relnamespace
WHERE i.indrelid = ANY (%(tables)s::oid[])
ORDER BY i.indrelid, c.relname
