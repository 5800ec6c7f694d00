-- Schemas, extensions, default privileges, event triggers, publications, subscriptions, foreign
-- servers, languages, large objects.
WITH member AS MATERIALIZED (
    SELECT e.classid, e.objid FROM pg_depend AS e WHERE e.deptype = 'e'
)

SELECT
    'pg_namespace'::regclass::oid, n.oid, 0, 'schema', quote_ident(n.nspname), NULL,
    json_build_object(
        'owner', pg_get_userbyid(n.nspowner),
        'privileges', ARRAY(
            SELECT item::text FROM unnest(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS item
        )
    )
FROM pg_namespace AS n
WHERE
    n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rfdata')
    AND ('pg_namespace'::regclass, n.oid) NOT IN (SELECT m.classid, m.objid FROM member AS m)
UNION ALL
SELECT
    'pg_extension'::regclass::oid, e.oid, 0, 'extension', quote_ident(e.extname), NULL,
    json_build_object(
        'version', e.extversion, 'schema', n.nspname, 'owner', pg_get_userbyid(e.extowner),
        'relocatable', CASE WHEN e.extrelocatable THEN 'yes' END,
        'configuration tables', cardinality(e.extconfig)::text,
        'configuration filters', nullif(array_to_string(e.extcondition, '; '), '')
    )
FROM pg_extension AS e
LEFT JOIN pg_namespace AS n ON n.oid = e.extnamespace
UNION ALL
SELECT
    'pg_default_acl'::regclass::oid, d.oid, 0, 'default privileges',
    concat(
        'of ', quote_ident(pg_get_userbyid(d.defaclrole)),
        ' in ' || quote_ident(n.nspname),
        ' on ', CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences'
            WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types' ELSE 'schemas' END
    ),
    'schema ' || quote_ident(n.nspname),
    json_build_object('privileges', d.defaclacl::text [])
FROM pg_default_acl AS d
LEFT JOIN pg_namespace AS n ON n.oid = d.defaclnamespace
UNION ALL
SELECT
    'pg_event_trigger'::regclass::oid, t.oid, 0, 'event trigger', quote_ident(t.evtname), NULL,
    json_build_object(
        'event', t.evtevent, 'function', t.evtfoid::regproc::text,
        'owner', pg_get_userbyid(t.evtowner), 'tags', t.evttags,
        'enabled', CASE t.evtenabled
            WHEN 'D' THEN 'never' WHEN 'R' THEN 'on replicas' WHEN 'A' THEN 'always' END
    )
FROM pg_event_trigger AS t
WHERE ('pg_event_trigger'::regclass, t.oid) NOT IN (SELECT m.classid, m.objid FROM member AS m)
UNION ALL
SELECT
    'pg_publication'::regclass::oid, p.oid, 0, 'publication', quote_ident(p.pubname), NULL,
    json_build_object(
        'owner', pg_get_userbyid(p.pubowner),
        'all tables', CASE WHEN p.puballtables THEN 'yes' END,
        'through the root', CASE WHEN p.pubviaroot THEN 'yes' END,
        'publishes', concat_ws(
            ', ', CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END,
            CASE WHEN p.pubdelete THEN 'delete' END, CASE WHEN p.pubtruncate THEN 'truncate' END
        ),
        'tables', ARRAY(
            SELECT concat(
                r.prrelid::regclass, ' columns ' || r.prattrs::text,
                ' where ' || pg_get_expr(r.prqual, r.prrelid)
            )
            FROM pg_publication_rel AS r WHERE r.prpubid = p.oid
        ),
        'schemas', ARRAY(
            SELECT s.pnnspid::regnamespace::text FROM pg_publication_namespace AS s
            WHERE s.pnpubid = p.oid
        )
    )
FROM pg_publication AS p
UNION ALL
SELECT
    'pg_foreign_data_wrapper'::regclass::oid, w.oid, 0, 'foreign data wrapper',
    quote_ident(w.fdwname), NULL,
    json_build_object(
        'owner', pg_get_userbyid(w.fdwowner), 'handler', nullif(w.fdwhandler, 0)::regproc::text,
        'validator', nullif(w.fdwvalidator, 0)::regproc::text, 'options', w.fdwoptions,
        'privileges', ARRAY(
            SELECT item::text FROM unnest(coalesce(w.fdwacl, acldefault('F', w.fdwowner))) AS item
        )
    )
FROM pg_foreign_data_wrapper AS w
WHERE
    ('pg_foreign_data_wrapper'::regclass, w.oid) NOT IN (SELECT m.classid, m.objid FROM member AS m)
UNION ALL
SELECT
    'pg_foreign_server'::regclass::oid, s.oid, 0, 'foreign server', quote_ident(s.srvname), NULL,
    json_build_object(
        'owner', pg_get_userbyid(s.srvowner), 'wrapper', w.fdwname, 'type', s.srvtype,
        'version', s.srvversion, 'options', s.srvoptions,
        'privileges', ARRAY(
            SELECT item::text FROM unnest(coalesce(s.srvacl, acldefault('S', s.srvowner))) AS item
        )
    )
FROM pg_foreign_server AS s
INNER JOIN pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
UNION ALL
-- A mapping's options hold passwords: only their digest is compared.
SELECT
    'pg_user_mapping'::regclass::oid, u.umid, 0, 'user mapping',
    format('%s on %I', CASE u.umuser WHEN 0 THEN 'PUBLIC' ELSE quote_ident(u.usename) END, u.srvname),
    format('foreign server %I', u.srvname),
    json_build_object('options, digest', md5(u.umoptions::text))
FROM pg_user_mappings AS u
UNION ALL
SELECT
    'pg_language'::regclass::oid, l.oid, 0, 'language', quote_ident(l.lanname), NULL,
    json_build_object(
        'owner', pg_get_userbyid(l.lanowner), 'trusted', CASE WHEN l.lanpltrusted THEN 'yes' END,
        'handler', nullif(l.lanplcallfoid, 0)::regproc::text,
        'inline', nullif(l.laninline, 0)::regproc::text,
        'validator', nullif(l.lanvalidator, 0)::regproc::text,
        'privileges', ARRAY(
            SELECT item::text FROM unnest(coalesce(l.lanacl, acldefault('l', l.lanowner))) AS item
        )
    )
FROM pg_language AS l
WHERE
    l.lanispl
    AND ('pg_language'::regclass, l.oid) NOT IN (SELECT m.classid, m.objid FROM member AS m)
UNION ALL
SELECT
    'pg_largeobject'::regclass::oid, min(o.oid::bigint)::oid, 0, 'large objects',
    concat('of ', pg_get_userbyid(o.lomowner), ' with ' || o.lomacl::text), NULL,
    json_build_object('number', count(*)::text)
FROM pg_largeobject_metadata AS o
GROUP BY o.lomowner, o.lomacl::text
