INSERT INTO rfdata.migrations (number, name, checksum, state, statements, seconds, by, version)
VALUES (
    %(number)s, %(name)s, %(checksum)s, %(state)s, %(statements)s,
    CASE %(state)s WHEN 'applied' THEN extract(epoch FROM clock_timestamp() - now()) ELSE 0 END,
    %(by)s, %(version)s
)
RETURNING seconds;
