SELECT
    current_setting('server_version'),
    current_setting('server_version_num')::int,
    extract(epoch FROM pg_postmaster_start_time())::float8,
    coalesce((SELECT setting FROM pg_settings WHERE name = 'data_directory'), ''),
    pg_is_in_recovery(),
    (SELECT setting::bigint FROM pg_settings WHERE name = 'wal_segment_size')
