SELECT count(*) >= 13 AS months_are_made_ahead
FROM pg_inherits
WHERE inhparent = 'audit.events'::regclass;

SELECT count(*) = 0 AS nobody_adds_an_event_but_by_the_function
FROM pg_class AS c, aclexplode(c.relacl) AS a
WHERE c.oid IN (
        SELECT inhrelid FROM pg_inherits WHERE inhparent = 'audit.events'::regclass
        UNION ALL
        SELECT unnest(ARRAY['audit.events'::regclass, 'audit.chains', 'audit.anchors', 'audit.break_glass'])
    )
    AND a.grantee <> c.relowner
    AND NOT (
        a.privilege_type = 'SELECT'
        OR a.privilege_type IN ('UPDATE', 'DELETE') AND a.grantee = 'rf_audit_break_glass'::regrole
    );

SELECT count(*) = 0 AS every_month_is_guarded
FROM pg_inherits AS i
WHERE i.inhparent = 'audit.events'::regclass
    AND 2 > (
        SELECT count(*)
        FROM pg_trigger AS t
        WHERE t.tgrelid = i.inhrelid
            AND t.tgfoid = 'audit.guard_events()'::regprocedure
            AND t.tgenabled IN ('O', 'A')
    );

SELECT count(*) = 3 AS the_trail_and_its_records_are_guarded
FROM pg_class AS c
WHERE c.oid IN ('audit.events'::regclass, 'audit.anchors'::regclass, 'audit.break_glass'::regclass)
    AND 2 = (
        SELECT count(*)
        FROM pg_trigger AS t
        WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
    );

SELECT count(*) = 0 AS every_month_is_isolated
FROM pg_inherits AS i
JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE i.inhparent = 'audit.events'::regclass AND NOT c.relrowsecurity;
