-- The locks that this transaction holds on what was there before it; named in full, for a migration may have set
-- its own search_path.
SELECT l.relation::bigint, l.mode
FROM pg_catalog.pg_locks AS l
WHERE
    l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()
    AND l.locktype OPERATOR(pg_catalog.=) 'relation' AND l.granted
    AND l.relation OPERATOR(pg_catalog.=) ANY (%(existing)s::pg_catalog.oid [])
    AND l.mode OPERATOR(pg_catalog.<>) 'AccessShareLock'
