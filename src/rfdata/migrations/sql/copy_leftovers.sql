-- Copies of rehearsals: by their comment, or (killed before it was written) by their name and that
-- nobody was let in yet.
SELECT d.datname
FROM pg_database AS d
LEFT JOIN pg_shdescription AS c ON c.classoid = 'pg_database'::regclass AND c.objoid = d.oid
WHERE
    d.datname ~ '_rehearsal_[0-9a-f]{12}$'
    AND (starts_with(c.description, %(mark)s) OR (c.description IS NULL AND NOT d.datallowconn))
