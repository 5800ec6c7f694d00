SELECT count(*) = 2 AND bool_and(c.relrowsecurity) AS every_table_of_an_organization_is_isolated
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_policy AS p ON p.polrelid = c.oid AND p.polname = 'organization_isolation'
WHERE c.relnamespace = 'research'::regnamespace AND c.relname IN ('jobs', 'ai_invocations');

SELECT coalesce(bool_or(i.indisvalid AND i.indisready), false) AS claims_have_their_index
FROM pg_catalog.pg_index AS i
WHERE i.indexrelid = to_regclass('research.jobs_queue_idx');

SELECT
    bool_and(NOT has_any_column_privilege('rf_jobs', relation, 'SELECT, INSERT, UPDATE'))
    AND has_function_privilege('rf_jobs', 'research.claim_job(text, text[], interval)', 'EXECUTE')
        AS workers_reach_jobs_through_functions_only
FROM unnest(ARRAY['research.jobs', 'research.ai_invocations', 'research.runs']) AS relation;

SELECT bool_and(NOT has_column_privilege(role, 'research.jobs', 'lease_token', 'SELECT'))
    AS nobody_reads_lease_tokens
FROM unnest(ARRAY['rf_research_read', 'rf_research_write', 'rf_manuscript_write']) AS role;

SELECT coalesce(c.reloptions @> ARRAY['security_invoker=true'], false) AS the_cost_view_keeps_isolation
FROM pg_catalog.pg_class AS c
WHERE c.oid = 'research.ai_costs'::regclass;
