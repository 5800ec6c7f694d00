-- What is granted on this database, on schema public, by default on what the owner makes there, and
-- on the system's functions beyond what initdb granted. The owners' own rights are listed as well.
WITH granted AS (
    SELECT 'database' AS kind, d.datname::text AS name, a.privilege_type, a.grantee
    FROM pg_database AS d
    CROSS JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a
    WHERE d.datname = current_database()

    UNION ALL

    SELECT 'schema', n.nspname::text, a.privilege_type, a.grantee
    FROM pg_namespace AS n
    CROSS JOIN LATERAL aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS a
    WHERE n.nspname = 'public'

    UNION ALL

    SELECT
        CASE x.defaclobjtype WHEN 'r' THEN 'tables' ELSE 'sequences' END,
        n.nspname::text,
        a.privilege_type,
        a.grantee
    FROM pg_default_acl AS x
    JOIN pg_namespace AS n ON n.oid = x.defaclnamespace
    CROSS JOIN LATERAL aclexplode(x.defaclacl) AS a
    WHERE
        n.nspname = 'public'
        AND x.defaclobjtype IN ('r', 'S')
        AND pg_get_userbyid(x.defaclrole) = %(owner)s

    UNION ALL

    SELECT 'function', p.oid::regprocedure::text, a.privilege_type, a.grantee
    FROM pg_proc AS p
    LEFT JOIN pg_init_privs AS i
        ON i.objoid = p.oid AND i.classoid = 'pg_proc'::regclass AND i.objsubid = 0
    CROSS JOIN LATERAL aclexplode(p.proacl) AS a
    WHERE
        p.pronamespace = 'pg_catalog'::regnamespace
        AND a.grantee <> p.proowner
        AND NOT EXISTS (
            SELECT FROM aclexplode(coalesce(i.initprivs, acldefault('f', p.proowner))) AS b
            WHERE b.grantee = a.grantee AND b.privilege_type = a.privilege_type
        )
)

SELECT
    kind,
    name,
    privilege_type,
    CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee)::text END
FROM granted
