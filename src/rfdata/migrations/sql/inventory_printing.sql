-- What decides how the server prints expressions: set for this transaction, so that the same schema
-- reads the same for everybody. Extensions lie in public, and their types read as one writes them.
SELECT
    set_config('search_path', 'pg_catalog, public', true),
    set_config('TimeZone', 'UTC', true),
    set_config('DateStyle', 'ISO', true),
    set_config('IntervalStyle', 'postgres', true),
    set_config('quote_all_identifiers', 'off', true)
