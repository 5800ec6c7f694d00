-- The locks on relations that another session holds, and everything that it waits for.
SELECT l.relation::bigint, l.mode, l.granted
FROM pg_locks AS l
WHERE
    l.pid = %(pid)s
    AND (NOT l.granted OR (l.locktype = 'relation' AND l.mode <> 'AccessShareLock'))
