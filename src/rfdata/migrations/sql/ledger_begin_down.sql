UPDATE rfdata.migrations
SET state = 'applying', direction = 'down', statements = %(statements)s, statements_done = 0,
    done_checksum = '', error = ''
WHERE number = %(number)s
RETURNING clock_timestamp();
