SELECT
    p.polrelid,
    p.polname::text,
    CASE p.polcmd
        WHEN 'r' THEN 'SELECT'
        WHEN 'a' THEN 'INSERT'
        WHEN 'w' THEN 'UPDATE'
        WHEN 'd' THEN 'DELETE'
        ELSE 'ALL'
    END,
    p.polpermissive,
    ARRAY(
        SELECT CASE r.id WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(r.id)::text END
        FROM unnest(p.polroles) AS r (id)
        ORDER BY 1
    ),
    coalesce(pg_get_expr(p.polqual, p.polrelid), ''),
    coalesce(pg_get_expr(p.polwithcheck, p.polrelid), ''),
    coalesce(obj_description(p.oid, 'pg_policy'), '')
FROM pg_policy AS p
WHERE p.polrelid = ANY (%(tables)s::oid[])
ORDER BY p.polrelid, p.polname
