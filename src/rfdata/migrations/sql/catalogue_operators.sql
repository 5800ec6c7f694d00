-- Operators, their classes and families, casts, collations, conversions, transforms, access methods
-- and text search, as far as somebody made them.
WITH member AS MATERIALIZED (
    SELECT e.classid, e.objid FROM pg_depend AS e WHERE e.deptype = 'e'
),

ours AS MATERIALIZED (
    SELECT n.oid, quote_ident(n.nspname) AS name FROM pg_namespace AS n
    WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rfdata')
),

found AS (
    SELECT
        'pg_operator'::regclass::oid AS classid, o.oid, 'operator' AS kind,
        format(
            '%s.%s(%s, %s)', n.name, o.oprname, coalesce(format_type(nullif(o.oprleft, 0), NULL), 'none'),
            format_type(o.oprright, NULL)
        ) AS name,
        'schema ' || n.name AS of,
        json_build_object(
            'owner', pg_get_userbyid(o.oprowner),
            'definition', format(
                '%s returns %s, commutator %s, negator %s, restrict %s, join %s%s%s',
                o.oprcode, format_type(nullif(o.oprresult, 0), NULL), o.oprcom::regoperator,
                o.oprnegate::regoperator, o.oprrest, o.oprjoin,
                CASE WHEN o.oprcanhash THEN ', hashes' ELSE '' END,
                CASE WHEN o.oprcanmerge THEN ', merges' ELSE '' END
            )
        ) AS facets
    FROM pg_operator AS o INNER JOIN ours AS n ON n.oid = o.oprnamespace
    UNION ALL
    SELECT
        'pg_opclass'::regclass, o.oid, 'operator class',
        format('%s.%I using %I', n.name, o.opcname, a.amname), 'schema ' || n.name,
        json_build_object(
            'owner', pg_get_userbyid(o.opcowner), 'type', format_type(o.opcintype, NULL),
            'key type', format_type(nullif(o.opckeytype, 0), NULL),
            'default', CASE WHEN o.opcdefault THEN 'yes' END,
            'family', format('%s.%I', f.opfnamespace::regnamespace, f.opfname)
        )
    FROM pg_opclass AS o
    INNER JOIN ours AS n ON n.oid = o.opcnamespace
    INNER JOIN pg_am AS a ON a.oid = o.opcmethod
    INNER JOIN pg_opfamily AS f ON f.oid = o.opcfamily
    UNION ALL
    SELECT
        'pg_opfamily'::regclass, f.oid, 'operator family',
        format('%s.%I using %I', n.name, f.opfname, a.amname), 'schema ' || n.name,
        json_build_object(
            'owner', pg_get_userbyid(f.opfowner),
            'members', ARRAY(
                SELECT format(
                    'operator %s %s%s', m.amopstrategy, m.amopopr::regoperator,
                    ' for order by ' || (
                        SELECT s.opfname FROM pg_opfamily AS s WHERE s.oid = m.amopsortfamily
                    )
                )
                FROM pg_amop AS m WHERE m.amopfamily = f.oid
                UNION ALL
                SELECT format(
                    'function %s (%s, %s) %s', m.amprocnum, m.amproclefttype::regtype,
                    m.amprocrighttype::regtype, m.amproc::regprocedure
                )
                FROM pg_amproc AS m WHERE m.amprocfamily = f.oid
            )
        )
    FROM pg_opfamily AS f
    INNER JOIN ours AS n ON n.oid = f.opfnamespace
    INNER JOIN pg_am AS a ON a.oid = f.opfmethod
    UNION ALL
    SELECT
        'pg_cast'::regclass, c.oid, 'cast',
        format('%s as %s', format_type(c.castsource, NULL), format_type(c.casttarget, NULL)), NULL,
        json_build_object(
            'function', nullif(c.castfunc, 0)::regprocedure::text,
            'context', CASE c.castcontext
                WHEN 'e' THEN 'explicit' WHEN 'a' THEN 'assignment' ELSE 'implicit' END,
            'method', CASE c.castmethod WHEN 'i' THEN 'inout' WHEN 'b' THEN 'binary' END
        )
    FROM pg_cast AS c WHERE c.oid >= 16384
    UNION ALL
    SELECT
        'pg_collation'::regclass, c.oid, 'collation', format('%s.%I', n.name, c.collname),
        'schema ' || n.name,
        json_build_object(
            'owner', pg_get_userbyid(c.collowner),
            'definition', concat_ws(
                ', ', c.collprovider, nullif(c.collencoding, -1), c.collcollate, c.collctype,
                to_jsonb(c) ->> 'colliculocale', to_jsonb(c) ->> 'colllocale', c.collicurules,
                CASE WHEN NOT c.collisdeterministic THEN 'not deterministic' END
            )
        )
    FROM pg_collation AS c INNER JOIN ours AS n ON n.oid = c.collnamespace
    UNION ALL
    SELECT
        'pg_conversion'::regclass, c.oid, 'conversion', format('%s.%I', n.name, c.conname),
        'schema ' || n.name,
        json_build_object(
            'owner', pg_get_userbyid(c.conowner), 'function', c.conproc::text,
            'from', pg_encoding_to_char(c.conforencoding),
            'to', pg_encoding_to_char(c.contoencoding),
            'default', CASE WHEN c.condefault THEN 'yes' END
        )
    FROM pg_conversion AS c INNER JOIN ours AS n ON n.oid = c.connamespace
    UNION ALL
    SELECT
        'pg_transform'::regclass, t.oid, 'transform',
        format('%s for %I', format_type(t.trftype, NULL), l.lanname), NULL,
        json_build_object('from', t.trffromsql::text, 'to', t.trftosql::text)
    FROM pg_transform AS t INNER JOIN pg_language AS l ON l.oid = t.trflang
    UNION ALL
    SELECT
        'pg_am'::regclass, a.oid, 'access method', quote_ident(a.amname), NULL,
        json_build_object('type', a.amtype, 'handler', a.amhandler::text)
    FROM pg_am AS a WHERE a.oid >= 16384
    UNION ALL
    SELECT
        'pg_ts_config'::regclass, c.oid, 'text search configuration',
        format('%s.%I', n.name, c.cfgname), 'schema ' || n.name,
        json_build_object(
            'owner', pg_get_userbyid(c.cfgowner), 'parser', p.prsname,
            'mappings', ARRAY(
                SELECT format(
                    '%s: %s', t.alias,
                    string_agg(m.mapdict::regdictionary::text, ', ' ORDER BY m.mapseqno)
                )
                FROM pg_ts_config_map AS m
                INNER JOIN ts_token_type(c.cfgparser) AS t ON t.tokid = m.maptokentype
                WHERE m.mapcfg = c.oid
                GROUP BY t.alias
            )
        )
    FROM pg_ts_config AS c
    INNER JOIN ours AS n ON n.oid = c.cfgnamespace
    INNER JOIN pg_ts_parser AS p ON p.oid = c.cfgparser
    UNION ALL
    SELECT
        'pg_ts_dict'::regclass, d.oid, 'text search dictionary', format('%s.%I', n.name, d.dictname),
        'schema ' || n.name,
        json_build_object(
            'owner', pg_get_userbyid(d.dictowner), 'options', d.dictinitoption,
            'template', format('%s.%I', t.tmplnamespace::regnamespace, t.tmplname)
        )
    FROM pg_ts_dict AS d
    INNER JOIN ours AS n ON n.oid = d.dictnamespace
    INNER JOIN pg_ts_template AS t ON t.oid = d.dicttemplate
    UNION ALL
    SELECT
        'pg_ts_parser'::regclass, p.oid, 'text search parser', format('%s.%I', n.name, p.prsname),
        'schema ' || n.name,
        json_build_object(
            'functions', concat_ws(
                ', ', p.prsstart, p.prstoken, p.prsend, p.prsheadline, p.prslextype
            )
        )
    FROM pg_ts_parser AS p INNER JOIN ours AS n ON n.oid = p.prsnamespace
    UNION ALL
    SELECT
        'pg_ts_template'::regclass, t.oid, 'text search template', format('%s.%I', n.name, t.tmplname),
        'schema ' || n.name,
        json_build_object('functions', concat_ws(', ', t.tmplinit, t.tmpllexize))
    FROM pg_ts_template AS t INNER JOIN ours AS n ON n.oid = t.tmplnamespace
)

SELECT f.classid, f.oid, 0, f.kind, f.name, f.of, f.facets
FROM found AS f
WHERE (f.classid, f.oid) NOT IN (SELECT m.classid, m.objid FROM member AS m)
