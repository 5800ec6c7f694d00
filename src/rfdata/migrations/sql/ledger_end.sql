UPDATE rfdata.migrations
SET state = 'applied', direction = 'up', error = '', checksum = %(checksum)s,
    seconds = seconds + extract(epoch FROM clock_timestamp() - %(since)s::timestamptz)
WHERE number = %(number)s
RETURNING extract(epoch FROM clock_timestamp() - %(since)s::timestamptz);
