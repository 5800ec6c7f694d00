SELECT
    lower(name),
    -- Over a unix socket `setting` is 0 for these, whatever the server is set to.
    coalesce(CASE WHEN name LIKE 'tcp\_%' THEN reset_val ELSE setting END, ''),
    coalesce(unit, ''),
    context,
    source,
    pending_restart,
    vartype,
    coalesce(boot_val, '')
FROM pg_settings
