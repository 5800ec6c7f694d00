INSERT INTO rfdata.migrations (number, name, checksum, state, seconds, by, version)
VALUES (
    %(number)s, %(name)s, %(checksum)s, 'applied',
    date_part('epoch', clock_timestamp() - now()), %(by)s, %(version)s
)
RETURNING seconds;
