-- Who holds the advisory lock of this database.
SELECT l.pid, coalesce(a.usename, ''), coalesce(a.application_name, '')
FROM pg_locks AS l
JOIN pg_database AS d ON d.oid = l.database AND d.datname = current_database()
LEFT JOIN pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND (l.classid::bigint << 32) | l.objid::bigint = %(key)s
