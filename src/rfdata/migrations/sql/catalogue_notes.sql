-- What can be said of any object: comments, security labels, extensions that it goes with.
SELECT d.classoid, d.objoid, d.objsubid, 'comment', d.description
FROM pg_description AS d
WHERE d.objoid >= 16384 OR d.classoid = 'pg_namespace'::regclass
UNION ALL
SELECT s.classoid, s.objoid, 0, 'comment', s.description
FROM pg_shdescription AS s
UNION ALL
SELECT l.classoid, l.objoid, l.objsubid, 'security label ' || l.provider, l.label
FROM pg_seclabel AS l
UNION ALL
SELECT l.classoid, l.objoid, 0, 'security label ' || l.provider, l.label
FROM pg_shseclabel AS l
UNION ALL
SELECT d.classid, d.objid, d.objsubid, 'goes with extension ' || e.extname, 'yes'
FROM pg_depend AS d
INNER JOIN pg_extension AS e ON e.oid = d.refobjid
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'x'
