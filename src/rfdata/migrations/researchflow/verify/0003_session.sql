SELECT count(*) = 0 AS nobody_but_the_owner_reaches_the_tables
FROM pg_class AS c, aclexplode(c.relacl) AS a
WHERE c.oid IN ('session.sessions'::regclass, 'session.password_reset_tokens'::regclass)
    AND a.grantee <> c.relowner;

SELECT count(*) = 0 AS no_index_is_written_by_a_touch
FROM pg_index AS i
JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attname = 'last_seen_at'
WHERE i.indrelid = 'session.sessions'::regclass
    AND (
        a.attnum = ANY (i.indkey)
        OR pg_get_expr(i.indpred, i.indrelid) LIKE '%last\_seen\_at%'
        OR pg_get_expr(i.indexprs, i.indrelid) LIKE '%last\_seen\_at%'
    );

SELECT bool_and(p.prosecdef AND p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'])
    AND count(*) >= 10 AS functions_are_the_only_way_in
FROM pg_proc AS p, aclexplode(p.proacl) AS a
WHERE p.pronamespace = 'session'::regnamespace AND a.grantee = 'rf_session'::regrole;
