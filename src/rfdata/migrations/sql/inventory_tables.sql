-- Tables and views of these schemas; partitions are left to their table.
SELECT
    c.oid,
    c.relnamespace,
    c.relname::text,
    CASE c.relkind
        WHEN 'r' THEN 'table'
        WHEN 'p' THEN 'partitioned table'
        WHEN 'f' THEN 'foreign table'
        WHEN 'v' THEN 'view'
        ELSE 'materialized view'
    END,
    coalesce(obj_description(c.oid, 'pg_class'), ''),
    CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid, true) ELSE '' END,
    CASE
        WHEN c.relrowsecurity AND c.relforcerowsecurity THEN 'forced'
        WHEN c.relrowsecurity THEN 'enabled'
        ELSE ''
    END,
    pg_get_partkeydef(c.oid),
    (
        SELECT json_agg(
            json_build_array(
                CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END,
                a.privilege_type
            )
        )
        FROM aclexplode(c.relacl) AS a
        WHERE a.grantee <> c.relowner
    )
FROM pg_class AS c
WHERE
    c.relnamespace = ANY (%(namespaces)s::oid[])
    AND c.relkind IN ('r', 'p', 'f', 'v', 'm')
    AND NOT c.relispartition
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
    )
ORDER BY c.relname
