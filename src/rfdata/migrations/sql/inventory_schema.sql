-- Every relation that is ours, with what the checks ask of it: one row each.
WITH ours AS (
    SELECT c.oid, c.relname, c.relkind, c.relispartition, c.relrowsecurity, c.relacl, c.relowner,
           n.nspname
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE
        c.relkind IN ('r', 'p', 'f', 'v', 'm')
        AND n.nspname !~ '^pg_'
        AND n.nspname NOT IN ('information_schema', 'rfdata')
        AND NOT EXISTS (
            SELECT FROM pg_depend AS d
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
        )
),

columns AS (
    SELECT
        a.attrelid,
        json_object_agg(a.attname, format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum) AS types,
        array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE d.objoid IS NULL) AS uncommented
    FROM pg_attribute AS a
    JOIN ours AS o ON o.oid = a.attrelid
    LEFT JOIN pg_description AS d
        ON d.objoid = a.attrelid AND d.classoid = 'pg_class'::regclass AND d.objsubid = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped
    GROUP BY a.attrelid
),

granted AS (
    SELECT
        g.oid,
        json_object_agg(g.grantee, g.privileges) AS privileges
    FROM (
        SELECT
            o.oid,
            CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END AS grantee,
            array_agg(DISTINCT a.privilege_type) AS privileges
        FROM ours AS o
        CROSS JOIN LATERAL aclexplode(o.relacl) AS a
        WHERE a.grantee <> o.relowner
        GROUP BY o.oid, a.grantee
    ) AS g
    GROUP BY g.oid
),

-- Keys inherited by partitions are their parent's business. A partial index helps where all that it
-- leaves out are rows without the key; the planner then uses it for the key's own lookups.
unindexed AS (
    SELECT k.conrelid, array_agg(k.conname::text ORDER BY k.conname) AS names
    FROM pg_constraint AS k
    JOIN ours AS o ON o.oid = k.conrelid
    WHERE
        k.contype = 'f'
        AND k.conparentid = 0
        AND NOT EXISTS (
            SELECT FROM pg_index AS i
            JOIN pg_class AS x ON x.oid = i.indexrelid
            JOIN pg_am AS m ON m.oid = x.relam
            WHERE
                i.indrelid = k.conrelid
                AND i.indisvalid
                AND (m.amname = 'btree' OR (m.amname = 'hash' AND cardinality(k.conkey) = 1))
                AND i.indnkeyatts >= cardinality(k.conkey)
                AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
                AND (
                    i.indpred IS NULL
                    OR EXISTS (
                        SELECT FROM pg_attribute AS a
                        WHERE
                            a.attrelid = k.conrelid
                            AND a.attnum = ANY (k.conkey)
                            AND pg_get_expr(i.indpred, i.indrelid)
                            = format('(%I IS NOT NULL)', a.attname)
                    )
                )
        )
    GROUP BY k.conrelid
)

SELECT
    o.nspname::text,
    o.relname::text,
    CASE
        WHEN o.relispartition THEN 'partition'
        ELSE (
            json_build_object(
                'r', 'table', 'f', 'table', 'p', 'partitioned', 'v', 'view',
                'm', 'materialized view'
            ) ->> o.relkind::text
        )
    END,
    o.relrowsecurity,
    coalesce(c.types, '{}'),
    coalesce(g.privileges, '{}'),
    coalesce(u.names, '{}'),
    CASE WHEN o.relispartition THEN '{}' ELSE coalesce(c.uncommented, '{}') END,
    o.relispartition OR EXISTS (
        SELECT FROM pg_description AS d
        WHERE d.objoid = o.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
    )
FROM ours AS o
LEFT JOIN columns AS c ON c.attrelid = o.oid
LEFT JOIN granted AS g ON g.oid = o.oid
LEFT JOIN unindexed AS u ON u.conrelid = o.oid
ORDER BY o.nspname, o.relname
