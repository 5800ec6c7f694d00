SELECT
    count(*)::int,
    count(*) FILTER (WHERE a.client_addr IS NOT NULL AND NOT coalesce(s.ssl, FALSE))::int,
    pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
FROM pg_stat_activity AS a
LEFT JOIN pg_stat_ssl AS s ON s.pid = a.pid
WHERE a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
