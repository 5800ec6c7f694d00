-- Functions, procedures and aggregates.
SELECT
    'pg_proc'::regclass::oid,
    p.oid,
    0,
    CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
    format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)),
    format('schema %I', n.nspname),
    json_build_object(
        'definition', CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END,
        'owner', pg_get_userbyid(p.proowner),
        'privileges', ARRAY(
            SELECT item::text FROM unnest(coalesce(p.proacl, acldefault('f', p.proowner))) AS item
        ),
        'aggregate', CASE WHEN p.prokind = 'a' THEN (
            SELECT format(
                'AGGREGATE (%s) %s, of %s with %s starting from %L, space %s',
                pg_get_function_arguments(p.oid), g.aggkind, format_type(g.aggtranstype, NULL),
                g.aggtransfn, g.agginitval, g.aggtransspace
            ) || format(
                ', final %s%s %s, combine %s, serial %s, deserial %s, sort %s',
                g.aggfinalfn, CASE WHEN g.aggfinalextra THEN ' extra' ELSE '' END, g.aggfinalmodify,
                g.aggcombinefn, g.aggserialfn, g.aggdeserialfn, g.aggsortop::regoperator
            ) || format(
                ', moving %s with %s and %s starting from %L, space %s, final %s%s %s',
                format_type(nullif(g.aggmtranstype, 0), NULL), g.aggmtransfn, g.aggminvtransfn,
                g.aggminitval, g.aggmtransspace, g.aggmfinalfn,
                CASE WHEN g.aggmfinalextra THEN ' extra' ELSE '' END, g.aggmfinalmodify
            ) || format(
                ', %s, %s%s', p.proparallel, p.provolatile,
                CASE WHEN p.prosecdef THEN ' as its owner' ELSE '' END
            )
            FROM pg_aggregate AS g WHERE g.aggfnoid = p.oid
        ) END
    )
FROM pg_proc AS p
INNER JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE
    n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rfdata')
    AND NOT EXISTS (
        SELECT FROM pg_depend AS e
        WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype IN ('e', 'i')
    )
