-- Schemas that are ours, `public` only where something of ours lies in it.
SELECT
    n.oid,
    n.nspname::text,
    coalesce(obj_description(n.oid, 'pg_namespace'), ''),
    (
        SELECT json_agg(
            json_build_array(
                CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END,
                a.privilege_type
            )
        )
        FROM aclexplode(n.nspacl) AS a
        WHERE a.grantee <> n.nspowner
    )
FROM pg_namespace AS n
WHERE
    n.nspname !~ '^pg_'
    AND n.nspname NOT IN ('information_schema', 'rfdata')
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e'
    )
ORDER BY n.nspname
