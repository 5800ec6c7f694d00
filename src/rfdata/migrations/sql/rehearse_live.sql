-- What a migration could change of a database from inside another one.
SELECT
    pg_get_userbyid(d.datdba),
    ARRAY(SELECT item::text FROM unnest(d.datacl) AS item ORDER BY 1),
    d.datallowconn,
    d.datconnlimit,
    d.datistemplate,
    c.description,
    ARRAY(
        SELECT concat(s.setrole, s.setconfig) FROM pg_db_role_setting AS s
        WHERE s.setdatabase = d.oid ORDER BY s.setrole
    )
FROM pg_database AS d
LEFT JOIN pg_shdescription AS c ON c.classoid = 'pg_database'::regclass AND c.objoid = d.oid
WHERE d.datname = %(database)s
