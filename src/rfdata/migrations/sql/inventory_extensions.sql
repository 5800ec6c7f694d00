-- Each database has plpgsql from the start.
SELECT e.extname::text FROM pg_extension AS e
WHERE e.extname <> 'plpgsql'
ORDER BY e.extname
