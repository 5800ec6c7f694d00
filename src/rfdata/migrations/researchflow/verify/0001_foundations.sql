SELECT count(*) = 6 AS every_domain_has_a_schema
FROM pg_namespace
WHERE nspname IN ('identity', 'session', 'research', 'audit', 'knowledge', 'governance');

SELECT count(*) = 0 AS public_may_enter_none
FROM pg_namespace AS n, aclexplode(n.nspacl) AS a
WHERE n.nspname IN ('identity', 'session', 'research', 'audit', 'knowledge', 'governance')
    AND a.grantee = 0;

SELECT count(*) = 1 AS vectors_can_be_stored
FROM pg_extension
WHERE extname = 'vector';

SELECT count(*) = 0 AS public_executes_no_function
FROM pg_proc AS p
JOIN pg_namespace AS n ON n.oid = p.pronamespace
CROSS JOIN aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
WHERE n.nspname IN ('identity', 'session', 'research', 'audit', 'knowledge', 'governance')
    AND a.grantee = 0;
