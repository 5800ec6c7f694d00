-- In an order in which each finds what it requires.
SELECT e.extname FROM pg_extension AS e WHERE e.extname <> 'plpgsql' ORDER BY e.oid
