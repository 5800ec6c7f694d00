UPDATE rfdata.migrations
SET state = 'applying', error = '', statements = %(statements)s,
    checksum = CASE direction WHEN 'up' THEN %(checksum)s ELSE checksum END
WHERE number = %(number)s
RETURNING clock_timestamp();
