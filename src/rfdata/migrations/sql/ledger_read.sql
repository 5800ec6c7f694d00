SELECT
    number, name, checksum, state, statements, statements_done, error, at, seconds, by, version
FROM rfdata.migrations
ORDER BY number
