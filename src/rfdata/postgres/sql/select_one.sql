SELECT 1, (SELECT coalesce(version, '') FROM pg_stat_ssl WHERE pid = pg_backend_pid())
