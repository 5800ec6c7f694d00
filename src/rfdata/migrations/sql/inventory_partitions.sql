-- Every table's partitions that hold rows, at whatever depth, with the bounds of each.
SELECT pg_partition_root(c.oid)::oid, pg_get_expr(c.relpartbound, c.oid)
FROM pg_class AS c
WHERE c.relispartition AND c.relkind IN ('r', 'f')
ORDER BY 1, 2
