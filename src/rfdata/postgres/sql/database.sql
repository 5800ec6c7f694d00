-- Through jsonb, because a column that another major version lacks is then merely null.
SELECT
    pg_get_userbyid(d.datdba),
    pg_encoding_to_char(d.encoding),
    d.datlocprovider::text,
    CASE d.datlocprovider
        WHEN 'i' THEN coalesce(to_jsonb(d) ->> 'daticulocale', to_jsonb(d) ->> 'datlocale')
        ELSE d.datcollate
    END,
    coalesce(d.datcollversion, ''),
    coalesce(pg_database_collation_actual_version(d.oid), '')
FROM pg_database AS d
WHERE d.datname = %(database)s
