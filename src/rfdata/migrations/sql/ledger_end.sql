UPDATE rfdata.migrations
SET state = 'applied', direction = 'up', error = '', checksum = %(checksum)s,
    seconds = seconds + date_part('epoch', clock_timestamp() - %(since)s::timestamptz)
WHERE number = %(number)s
RETURNING date_part('epoch', clock_timestamp() - %(since)s::timestamptz);
