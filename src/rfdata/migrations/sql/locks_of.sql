-- The locks on relations that another session holds, and those that it waits for.
SELECT l.relation::bigint, l.mode, l.granted
FROM pg_locks AS l
WHERE l.pid = %(pid)s AND l.locktype = 'relation' AND l.mode <> 'AccessShareLock'
