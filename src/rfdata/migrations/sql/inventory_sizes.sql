-- Rows and bytes of whatever holds them, added up for each table with its partitions.
SELECT
    CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::oid ELSE c.oid END,
    CASE WHEN bool_and(c.reltuples >= 0) THEN sum(c.reltuples)::bigint END,
    sum(pg_relation_size(c.oid))::bigint,
    sum(x.indexes)::bigint,
    sum(CASE c.reltoastrelid WHEN 0 THEN 0 ELSE pg_total_relation_size(c.reltoastrelid) END)::bigint,
    sum(pg_table_size(c.oid) + x.indexes)::bigint
FROM pg_class AS c
CROSS JOIN LATERAL (SELECT pg_indexes_size(c.oid) AS indexes OFFSET 0) AS x
WHERE
    c.relkind IN ('r', 'm')
    AND (c.oid = ANY (%(tables)s::oid[]) OR c.relispartition)
GROUP BY 1
