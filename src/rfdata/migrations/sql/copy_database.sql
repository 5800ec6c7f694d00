-- What a copy must have like its original, and what decides how it is made.
SELECT
    pg_get_userbyid(d.datdba),
    pg_encoding_to_char(d.encoding),
    d.datlocprovider::text,
    d.datcollate,
    d.datctype,
    to_jsonb(d) ->> 'daticulocale',
    to_jsonb(d) ->> 'daticurules',
    s.spcname,
    pg_database_size(d.oid),
    EXISTS (
        SELECT FROM pg_stat_activity AS a
        WHERE a.datid = d.oid AND a.pid <> pg_backend_pid() AND a.backend_type <> 'autovacuum worker'
    ),
    (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user)
FROM pg_database AS d
INNER JOIN pg_tablespace AS s ON s.oid = d.dattablespace
WHERE d.datname = %(database)s
