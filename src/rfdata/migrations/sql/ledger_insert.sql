INSERT INTO rfdata.migrations (number, name, checksum, state, statements, by, version)
VALUES (
    %(number)s, %(name)s, %(checksum)s, %(state)s, %(statements)s, %(by)s, %(version)s
)
RETURNING number;
