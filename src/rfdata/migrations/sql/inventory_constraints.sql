-- Keys' columns in the key's own order. A key that leads to a partitioned table is listed once.
SELECT
    k.conrelid,
    k.conname::text,
    k.contype::text,
    (
        SELECT array_agg(a.attname::text ORDER BY u.place)
        FROM unnest(k.conkey) WITH ORDINALITY AS u (number, place)
        JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.number
    ),
    n.nspname::text,
    p.relname::text,
    (
        SELECT array_agg(a.attname::text ORDER BY u.place)
        FROM unnest(k.confkey) WITH ORDINALITY AS u (number, place)
        JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = u.number
    ),
    pg_get_constraintdef(k.oid, true),
    coalesce(obj_description(k.oid, 'pg_constraint'), '')
FROM pg_constraint AS k
LEFT JOIN pg_class AS p ON p.oid = k.confrelid
LEFT JOIN pg_namespace AS n ON n.oid = p.relnamespace
WHERE
    k.conrelid = ANY (%(tables)s::oid[])
    AND k.contype IN ('p', 'u', 'x', 'f', 'c')
    AND k.conparentid = 0
ORDER BY k.conrelid, k.conname
