-- Who keeps this session waiting; what another user does is hidden from all but its superiors.
SELECT DISTINCT
    b.pid,
    coalesce(a.usename, ''),
    coalesce(a.application_name, ''),
    coalesce(a.state, ''),
    coalesce(to_char(a.query_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), '')
FROM unnest(pg_blocking_pids(%(pid)s)) AS b (pid)
LEFT JOIN pg_stat_activity AS a USING (pid)
ORDER BY b.pid
