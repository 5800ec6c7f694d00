-- What ALTER SYSTEM has set: it wins over the rendered file.
SELECT DISTINCT lower(name)
FROM pg_file_settings
WHERE sourcefile LIKE '%/postgresql.auto.conf' AND name IS NOT NULL
