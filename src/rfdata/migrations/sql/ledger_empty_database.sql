-- Whether somebody's relation could be lost: neither the server's, the ledger's nor an extension's.
SELECT NOT EXISTS (
    SELECT FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'rfdata')
      AND n.nspname NOT LIKE 'pg\_temp\_%'
      AND n.nspname NOT LIKE 'pg\_toast\_temp\_%'
      AND NOT EXISTS (
          SELECT FROM pg_depend AS d
          WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
      )
      -- an extension's index depends on its table only
      AND NOT EXISTS (
          SELECT FROM pg_index AS i
          JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = i.indrelid
          WHERE i.indexrelid = c.oid AND d.deptype = 'e'
      )
)
