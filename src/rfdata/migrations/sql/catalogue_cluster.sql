-- What a migration could leave outside of the schema: the database itself, its settings, and what
-- all databases share. Passwords and connection strings are never read.
SELECT
    'pg_database'::regclass::oid, d.oid, 0, 'database', 'itself', NULL,
    json_build_object(
        'owner', pg_get_userbyid(d.datdba),
        'privileges', ARRAY(
            SELECT item::text FROM unnest(coalesce(d.datacl, acldefault('d', d.datdba))) AS item
        ),
        'template', CASE WHEN d.datistemplate THEN 'yes' END,
        'connection limit', nullif(d.datconnlimit, -1)::text,
        'tablespace', s.spcname
    )
FROM pg_database AS d
INNER JOIN pg_tablespace AS s ON s.oid = d.dattablespace
WHERE d.datname = current_database()
UNION ALL
SELECT
    'pg_db_role_setting'::regclass::oid, s.setrole, CASE s.setdatabase WHEN 0 THEN 0 ELSE 1 END,
    'settings',
    concat_ws(
        ' ', 'of', CASE WHEN s.setrole <> 0 THEN quote_ident(pg_get_userbyid(s.setrole)) END,
        CASE WHEN s.setdatabase <> 0 THEN 'in the database' ELSE 'everywhere' END
    ),
    NULL,
    json_build_object('values', s.setconfig)
FROM pg_db_role_setting AS s
WHERE s.setdatabase IN (0, (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()))
UNION ALL
SELECT
    'pg_authid'::regclass::oid, r.oid, 0, 'role', quote_ident(r.rolname), NULL,
    json_build_object(
        'attributes', concat_ws(
            ', ', CASE WHEN r.rolsuper THEN 'superuser' END, CASE WHEN r.rolinherit THEN 'inherit' END,
            CASE WHEN r.rolcreaterole THEN 'createrole' END, CASE WHEN r.rolcreatedb THEN 'createdb' END,
            CASE WHEN r.rolcanlogin THEN 'login' END,
            CASE WHEN r.rolreplication THEN 'replication' END,
            CASE WHEN r.rolbypassrls THEN 'bypassrls' END
        ),
        'connection limit', nullif(r.rolconnlimit, -1)::text,
        'valid until', r.rolvaliduntil::text,
        'member of', ARRAY(
            SELECT concat(
                pg_get_userbyid(m.roleid), CASE WHEN m.admin_option THEN ' with admin' END,
                CASE WHEN NOT (to_jsonb(m) ->> 'inherit_option')::boolean THEN ' without inherit' END,
                CASE WHEN NOT (to_jsonb(m) ->> 'set_option')::boolean THEN ' without set' END,
                ' by ', pg_get_userbyid(m.grantor)
            )
            FROM pg_auth_members AS m WHERE m.member = r.oid
        )
    )
FROM pg_roles AS r
WHERE r.rolname !~ '^pg_'
UNION ALL
SELECT
    'pg_tablespace'::regclass::oid, s.oid, 0, 'tablespace', quote_ident(s.spcname), NULL,
    json_build_object(
        'owner', pg_get_userbyid(s.spcowner), 'options', s.spcoptions,
        'privileges', ARRAY(
            SELECT item::text FROM unnest(coalesce(s.spcacl, acldefault('t', s.spcowner))) AS item
        )
    )
FROM pg_tablespace AS s
UNION ALL
SELECT
    'pg_parameter_acl'::regclass::oid, a.oid, 0, 'parameter', a.parname, NULL,
    json_build_object('privileges', a.paracl::text [])
FROM pg_parameter_acl AS a
UNION ALL
SELECT
    'pg_subscription'::regclass::oid, s.oid, 0, 'subscription', quote_ident(s.subname), NULL,
    json_build_object(
        'owner', pg_get_userbyid(s.subowner), 'enabled', s.subenabled::text, 'slot', s.subslotname,
        'publications', s.subpublications, 'synchronous commit', s.subsynccommit,
        'binary', s.subbinary::text, 'streaming', s.substream::text,
        'two-phase', s.subtwophasestate::text, 'origin', s.suborigin
    )
FROM pg_subscription AS s
WHERE s.subdbid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
