-- Extensions that something needs which is no extension's own; each database has plpgsql anyhow.
SELECT e.extname::text
FROM pg_extension AS e
WHERE
    e.extname <> 'plpgsql'
    AND EXISTS (
        SELECT FROM pg_depend AS member
        JOIN pg_depend AS user_of
            ON user_of.refclassid = member.classid AND user_of.refobjid = member.objid
        WHERE
            member.refclassid = 'pg_extension'::regclass
            AND member.refobjid = e.oid
            AND member.deptype = 'e'
            AND NOT EXISTS (
                SELECT FROM pg_depend AS other
                WHERE
                    other.classid = user_of.classid
                    AND other.objid = user_of.objid
                    AND other.deptype IN ('e', 'i')
            )
    )
ORDER BY e.extname
