DELETE FROM rfdata.migrations
WHERE number = %(number)s
RETURNING extract(epoch FROM clock_timestamp() - now());
