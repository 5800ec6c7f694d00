SELECT
    t.tgrelid,
    t.tgname::text,
    right(
        pg_get_triggerdef(t.oid),
        -length(
            format(
                'CREATE %%sTRIGGER %%I ',
                CASE WHEN t.tgconstraint <> 0 THEN 'CONSTRAINT ' ELSE '' END,
                t.tgname
            )
        )
    ),
    coalesce(obj_description(t.oid, 'pg_trigger'), '')
FROM pg_trigger AS t
WHERE t.tgrelid = ANY (%(tables)s::oid[]) AND NOT t.tgisinternal AND t.tgparentid = 0
ORDER BY t.tgrelid, t.tgname
