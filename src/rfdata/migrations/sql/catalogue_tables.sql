-- What hangs on a table: constraints, indexes, triggers, rules, policies, extended statistics.
WITH member AS MATERIALIZED (
    SELECT e.classid, e.objid FROM pg_depend AS e WHERE e.deptype = 'e'
),

ours AS MATERIALIZED (
    SELECT
        c.oid,
        n.nspname,
        format('%I.%I', n.nspname, c.relname) AS name,
        format(
            '%s %I.%I',
            CASE c.relkind
                WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
                WHEN 'm' THEN 'materialized view' ELSE 'foreign table'
            END,
            n.nspname, c.relname
        ) AS key
    FROM pg_class AS c
    INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE
        c.relkind IN ('r', 'p', 'v', 'm', 'f')
        AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rfdata')
        AND ('pg_class'::regclass, c.oid) NOT IN (SELECT m.classid, m.objid FROM member AS m)
)

SELECT
    'pg_constraint'::regclass::oid, k.oid, 0, 'constraint', format('%s.%I', t.name, k.conname),
    t.key,
    json_build_object(
        'definition', pg_get_constraintdef(k.oid),
        'validated', CASE WHEN NOT k.convalidated THEN 'not' END,
        'of partition', CASE WHEN k.conparentid <> 0 THEN 'yes' END,
        'inherited', CASE WHEN k.coninhcount > 0
            THEN k.coninhcount || CASE WHEN k.conislocal THEN ' and its own' ELSE '' END END
    )
FROM pg_constraint AS k
INNER JOIN ours AS t ON t.oid = k.conrelid
WHERE k.contype <> 't'
UNION ALL
SELECT
    'pg_class'::regclass::oid, c.oid, 0, 'index', format('%I.%I', t.nspname, c.relname), t.key,
    json_build_object(
        'definition', pg_get_indexdef(c.oid),
        'options', c.reloptions,
        'valid', CASE WHEN NOT (i.indisvalid AND i.indisready AND i.indislive) THEN 'not' END,
        'immediate', CASE WHEN NOT i.indimmediate THEN 'not' END,
        'clustered on', CASE WHEN i.indisclustered THEN 'yes' END,
        'replica identity', CASE WHEN i.indisreplident THEN 'yes' END,
        'tablespace', s.spcname,
        'partition of', p.inhparent::regclass::text,
        'statistics', (
            SELECT string_agg(a.attnum || ': ' || a.attstattarget, ', ' ORDER BY a.attnum)
            FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attstattarget >= 0
        )
    )
FROM pg_index AS i
INNER JOIN ours AS t ON t.oid = i.indrelid
INNER JOIN pg_class AS c ON c.oid = i.indexrelid
LEFT JOIN pg_tablespace AS s ON s.oid = c.reltablespace
LEFT JOIN pg_inherits AS p ON p.inhrelid = c.oid
UNION ALL
SELECT
    'pg_trigger'::regclass::oid, g.oid, 0, 'trigger', format('%s.%I', t.name, g.tgname), t.key,
    json_build_object(
        'definition', pg_get_triggerdef(g.oid),
        'enabled', CASE g.tgenabled
            WHEN 'D' THEN 'never' WHEN 'R' THEN 'on replicas' WHEN 'A' THEN 'always' END,
        'of partition', CASE WHEN g.tgparentid <> 0 THEN 'yes' END
    )
FROM pg_trigger AS g
INNER JOIN ours AS t ON t.oid = g.tgrelid
WHERE NOT g.tgisinternal
UNION ALL
-- The triggers behind a foreign key have numbers for names; only one that was switched counts.
SELECT
    'pg_trigger'::regclass::oid, min(g.oid::bigint)::oid, 0, 'internal trigger',
    format('%s.%I (%s)', t.name, k.conname, g.tgfoid::regproc), t.key,
    json_build_object('enabled', string_agg(DISTINCT g.tgenabled::text, ', '))
FROM pg_trigger AS g
INNER JOIN ours AS t ON t.oid = g.tgrelid
INNER JOIN pg_constraint AS k ON k.oid = g.tgconstraint
WHERE g.tgisinternal AND g.tgenabled <> 'O'
GROUP BY t.name, t.key, k.conname, g.tgfoid
UNION ALL
SELECT
    'pg_rewrite'::regclass::oid, r.oid, 0, 'rule', format('%s.%I', t.name, r.rulename), t.key,
    json_build_object(
        'definition', pg_get_ruledef(r.oid),
        'enabled', CASE r.ev_enabled
            WHEN 'D' THEN 'never' WHEN 'R' THEN 'on replicas' WHEN 'A' THEN 'always' END
    )
FROM pg_rewrite AS r
INNER JOIN ours AS t ON t.oid = r.ev_class
WHERE r.rulename <> '_RETURN'
UNION ALL
SELECT
    'pg_policy'::regclass::oid, p.oid, 0, 'policy', format('%s.%I', t.name, p.polname), t.key,
    json_build_object(
        'command', CASE p.polcmd
            WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update'
            WHEN 'd' THEN 'delete' ELSE 'all'
        END,
        'permissive', CASE WHEN NOT p.polpermissive THEN 'not' END,
        'roles', ARRAY(
            SELECT CASE role WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(role)::text END
            FROM unnest(p.polroles) AS role
        ),
        'using', pg_get_expr(p.polqual, p.polrelid),
        'with check', pg_get_expr(p.polwithcheck, p.polrelid)
    )
FROM pg_policy AS p
INNER JOIN ours AS t ON t.oid = p.polrelid
UNION ALL
SELECT
    'pg_statistic_ext'::regclass::oid, s.oid, 0, 'statistics', format('%I.%I', n.nspname, s.stxname),
    t.key,
    json_build_object(
        'definition', pg_get_statisticsobjdef(s.oid),
        'owner', pg_get_userbyid(s.stxowner),
        'target', nullif(s.stxstattarget, -1)::text
    )
FROM pg_statistic_ext AS s
INNER JOIN ours AS t ON t.oid = s.stxrelid
INNER JOIN pg_namespace AS n ON n.oid = s.stxnamespace
