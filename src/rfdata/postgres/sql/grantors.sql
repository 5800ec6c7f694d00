SELECT pg_get_userbyid(m.grantor)
FROM pg_auth_members AS m
JOIN pg_roles AS g ON g.oid = m.roleid
JOIN pg_roles AS u ON u.oid = m.member
WHERE g.rolname = %(role)s AND u.rolname = %(member)s
