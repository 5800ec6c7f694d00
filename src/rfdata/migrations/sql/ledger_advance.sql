UPDATE rfdata.migrations
SET statements_done = %(done)s, done_checksum = %(done_checksum)s
WHERE number = %(number)s
RETURNING statements_done;
