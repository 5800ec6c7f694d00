-- A setting that only waits for a restart is no error. A file that is newer than the last reload
-- is one: the views show the file, but the server goes by what it has loaded.
SELECT format('%s line %s: %s: %s', f.sourcefile, f.sourceline, coalesce(f.name, '?'), f.error)
FROM pg_file_settings AS f
LEFT JOIN pg_settings AS s ON lower(s.name) = lower(f.name)
WHERE f.error IS NOT NULL AND NOT coalesce(s.pending_restart, FALSE)

UNION ALL

SELECT format('%s line %s: %s', current_setting('hba_file'), line_number, error)
FROM pg_hba_file_rules
WHERE error IS NOT NULL

UNION ALL

SELECT format('%s line %s: %s', current_setting('ident_file'), line_number, error)
FROM pg_ident_file_mappings
WHERE error IS NOT NULL

UNION ALL

SELECT format('%s was changed after the server last loaded it', current_setting(name))
FROM unnest(ARRAY['config_file', 'hba_file', 'ident_file']) AS name
CROSS JOIN LATERAL pg_stat_file(current_setting(name), TRUE) AS file
WHERE file.modification > pg_conf_load_time()
