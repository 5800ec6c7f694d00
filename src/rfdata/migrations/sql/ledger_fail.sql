UPDATE rfdata.migrations
SET state = 'failed', error = %(error)s
WHERE number = %(number)s
RETURNING statements_done;
