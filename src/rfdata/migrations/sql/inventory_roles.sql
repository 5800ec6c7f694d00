-- Everybody but the server's own roles, with who is a member directly.
SELECT
    r.rolname::text,
    coalesce(shobj_description(r.oid, 'pg_authid'), ''),
    ARRAY(
        SELECT m.rolname::text
        FROM pg_auth_members AS a
        JOIN pg_roles AS m ON m.oid = a.member
        WHERE a.roleid = r.oid
        ORDER BY m.rolname
    )
FROM pg_roles AS r
ORDER BY r.rolname
