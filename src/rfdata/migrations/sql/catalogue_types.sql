-- Types that somebody made: enums, domains with their constraints, composites, ranges, base types.
WITH ours AS MATERIALIZED (
    SELECT n.oid, n.nspname FROM pg_namespace AS n
    WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rfdata')
),

types AS MATERIALIZED (
    SELECT
        t.*,
        format('%I.%I', n.nspname, t.typname) AS name,
        format('schema %I', n.nspname) AS of
    FROM pg_type AS t
    INNER JOIN ours AS n ON n.oid = t.typnamespace
    LEFT JOIN pg_class AS c ON c.oid = t.typrelid
    WHERE
        (t.typrelid = 0 OR c.relkind = 'c')
        AND t.typtype <> 'm'
        AND NOT EXISTS (SELECT FROM pg_type AS e WHERE e.typarray = t.oid)
        AND NOT EXISTS (
            SELECT FROM pg_depend AS e
            WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e'
        )
)

SELECT
    'pg_type'::regclass::oid,
    t.oid,
    0,
    CASE WHEN t.typtype = 'd' THEN 'domain' ELSE 'type' END,
    t.name,
    t.of,
    json_build_object(
        'form', CASE
            WHEN NOT t.typisdefined THEN 'shell'
            ELSE CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'r' THEN 'range' WHEN 'c' THEN 'composite'
                WHEN 'b' THEN 'base' END
        END,
        'owner', pg_get_userbyid(t.typowner),
        'privileges', ARRAY(
            SELECT item::text FROM unnest(coalesce(t.typacl, acldefault('T', t.typowner))) AS item
        ),
        'labels', (
            SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
            FROM pg_enum AS e WHERE e.enumtypid = t.oid
        ),
        'over', CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
        'not null', CASE WHEN t.typnotnull THEN 'yes' END,
        'default', coalesce(pg_get_expr(t.typdefaultbin, 0), t.typdefault),
        'collation', CASE WHEN t.typtype = 'd' AND t.typcollation <> b.typcollation
            THEN nullif(t.typcollation, 0)::regcollation::text END,
        'range', (
            SELECT format(
                '%s, operators %I, collation %s, canonical %s, difference %s, many %s',
                format_type(r.rngsubtype, NULL), o.opcname,
                coalesce(nullif(r.rngcollation, 0)::regcollation::text, 'none'),
                r.rngcanonical, r.rngsubdiff, format_type(r.rngmultitypid, NULL)
            )
            FROM pg_range AS r INNER JOIN pg_opclass AS o ON o.oid = r.rngsubopc
            WHERE r.rngtypid = t.oid
        ),
        'column order', CASE WHEN t.typtype = 'c' THEN ARRAY(
            SELECT quote_ident(k.attname) FROM pg_attribute AS k
            WHERE k.attrelid = t.typrelid AND k.attnum > 0 AND NOT k.attisdropped
            ORDER BY k.attnum
        ) END,
        'base', CASE WHEN t.typtype = 'b' THEN format(
            '%s %s %s %s %s %s %s, length %s%s, %s%s, alignment %s, storage %s, %s, element %s, %s',
            t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout, t.typanalyze,
            t.typlen, CASE WHEN t.typbyval THEN ' by value' ELSE '' END, t.typcategory,
            CASE WHEN t.typispreferred THEN ' preferred' ELSE '' END, t.typalign, t.typstorage,
            t.typdelim, t.typelem::regtype, t.typsubscript
        ) END
    )
FROM types AS t
LEFT JOIN pg_type AS b ON b.oid = t.typbasetype
UNION ALL
SELECT
    'pg_constraint'::regclass::oid, k.oid, 0, 'domain constraint', format('%s.%I', t.name, k.conname),
    'domain ' || t.name,
    json_build_object(
        'definition', pg_get_constraintdef(k.oid),
        'validated', CASE WHEN NOT k.convalidated THEN 'not' END
    )
FROM pg_constraint AS k
INNER JOIN types AS t ON t.oid = k.contypid
