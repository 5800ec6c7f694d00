SELECT
    p.pronamespace,
    p.proname::text,
    CASE p.prokind
        WHEN 'f' THEN 'function'
        WHEN 'p' THEN 'procedure'
        WHEN 'a' THEN 'aggregate'
        ELSE 'window function'
    END,
    pg_get_function_arguments(p.oid),
    coalesce(pg_get_function_result(p.oid), ''),
    l.lanname::text,
    CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END,
    p.prosecdef,
    coalesce(p.proconfig, '{}'),
    coalesce(obj_description(p.oid, 'pg_proc'), ''),
    (
        SELECT json_agg(
            json_build_array(
                CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END,
                a.privilege_type
            )
        )
        FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
        WHERE a.grantee <> p.proowner
    )
FROM pg_proc AS p
JOIN pg_language AS l ON l.oid = p.prolang
WHERE
    p.pronamespace = ANY (%(namespaces)s::oid[])
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
    )
ORDER BY p.proname, pg_get_function_identity_arguments(p.oid)
