DELETE FROM rfdata.migrations
WHERE number = %(number)s
RETURNING date_part('epoch', clock_timestamp() - now());
