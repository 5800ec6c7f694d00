-- Who holds any privilege on the ledger, on the whole table or on a column, besides its owner.
SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT x.grantee FROM aclexplode(c.relacl) AS x
    UNION
    SELECT x.grantee
    FROM pg_attribute AS t
    CROSS JOIN LATERAL aclexplode(t.attacl) AS x
    WHERE t.attrelid = c.oid
) AS a
WHERE n.nspname = 'rfdata' AND c.relname = 'migrations' AND a.grantee <> c.relowner
