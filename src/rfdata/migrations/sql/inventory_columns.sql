SELECT
    a.attrelid,
    a.attname::text,
    format_type(a.atttypid, a.atttypmod),
    a.attnotnull,
    coalesce(pg_get_expr(d.adbin, d.adrelid), ''),
    CASE
        WHEN a.attidentity = 'a' THEN 'identity always'
        WHEN a.attidentity = 'd' THEN 'identity by default'
        WHEN a.attgenerated = 's' THEN 'generated stored'
        ELSE ''
    END,
    coalesce(t.description, ''),
    CASE WHEN a.attacl IS NOT NULL THEN (
        SELECT json_agg(
            json_build_array(
                CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee)::text END,
                x.privilege_type
            )
        )
        FROM aclexplode(a.attacl) AS x
    ) END
FROM pg_attribute AS a
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_description AS t
    ON t.objoid = a.attrelid AND t.classoid = 'pg_class'::regclass AND t.objsubid = a.attnum
WHERE a.attrelid = ANY (%(tables)s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
