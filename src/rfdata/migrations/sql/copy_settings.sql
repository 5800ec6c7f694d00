-- The settings that everybody gets in a database, as far as a session may give them to another one.
SELECT o.option_name, o.option_value
FROM pg_database AS d
INNER JOIN pg_db_role_setting AS s ON s.setdatabase = d.oid AND s.setrole = 0
CROSS JOIN pg_options_to_table(s.setconfig) AS o
INNER JOIN pg_settings AS known ON known.name = lower(o.option_name)
WHERE d.datname = %(database)s AND known.context IN ('user', 'superuser')
