-- Functions, procedures and aggregates that are ours.
SELECT DISTINCT n.nspname || '.' || p.proname
FROM pg_proc AS p
JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE
    n.nspname !~ '^pg_'
    AND n.nspname NOT IN ('information_schema', 'rfdata')
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
    )
