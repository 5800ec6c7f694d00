SELECT
    r.rolname,
    r.rolcanlogin,
    r.rolsuper,
    r.rolcreatedb,
    r.rolcreaterole,
    r.rolreplication,
    r.rolbypassrls,
    r.rolconnlimit,
    ARRAY(
        SELECT g.rolname::text
        FROM pg_auth_members AS m
        JOIN pg_roles AS g ON g.oid = m.roleid
        WHERE m.member = r.oid
    ),
    coalesce(r.rolconfig, '{}')
FROM pg_roles AS r
WHERE r.rolname !~ '^pg_'
