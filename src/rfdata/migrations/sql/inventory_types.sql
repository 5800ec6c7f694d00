-- Types that somebody made; a table's own row type, arrays and multiranges come by themselves.
SELECT
    t.typnamespace,
    t.typname::text,
    CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'c' THEN 'composite' ELSE 'range' END,
    CASE t.typtype
        WHEN 'e' THEN ARRAY(
            SELECT e.enumlabel::text FROM pg_enum AS e
            WHERE e.enumtypid = t.oid
            ORDER BY e.enumsortorder
        )
        WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod)
            || CASE WHEN t.typnotnull THEN ARRAY['NOT NULL'] ELSE '{}' END
            || ARRAY(
                SELECT pg_get_constraintdef(k.oid, true) FROM pg_constraint AS k
                WHERE k.contypid = t.oid AND k.contype = 'c'
                ORDER BY k.conname
            )
        WHEN 'c' THEN ARRAY(
            SELECT format('%%I %%s', a.attname, format_type(a.atttypid, a.atttypmod))
            FROM pg_attribute AS a
            WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
            ORDER BY a.attnum
        )
        ELSE ARRAY(
            SELECT format_type(r.rngsubtype, NULL) FROM pg_range AS r
            WHERE r.rngtypid = t.oid
        )
    END,
    coalesce(obj_description(t.oid, 'pg_type'), '')
FROM pg_type AS t
LEFT JOIN pg_class AS c ON c.oid = t.typrelid
WHERE
    t.typnamespace = ANY (%(namespaces)s::oid[])
    AND (t.typtype IN ('e', 'd', 'r') OR c.relkind = 'c')
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
    )
ORDER BY t.typname
