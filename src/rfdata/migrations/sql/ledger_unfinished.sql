SELECT direction, done_checksum FROM rfdata.migrations WHERE number = %(number)s
