SELECT
    line_number,
    coalesce(type, ''),
    coalesce(database, '{}'),
    coalesce(user_name, '{}'),
    coalesce(address, ''),
    coalesce(netmask, ''),
    coalesce(auth_method, ''),
    coalesce(error, '')
FROM pg_hba_file_rules
