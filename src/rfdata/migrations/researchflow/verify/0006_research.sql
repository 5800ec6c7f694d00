SELECT count(*) = 20 AND min(number) = 1 AND max(number) = 20 AS the_twenty_stages_are_there
FROM research.stages;

SELECT
    count(*) = 15
    AND bool_and(from_state <> to_state)
    AND NOT bool_or(from_state IN ('succeeded', 'cancelled')) AS runs_end_where_they_should
FROM research.run_transitions;

SELECT
    count(*) = 11
    AND bool_and(from_state <> to_state)
    AND NOT bool_or(from_state IN ('succeeded', 'failed', 'skipped', 'cancelled'))
        AS attempts_end_where_they_should
FROM research.stage_transitions;

SELECT count(*) = 9 AND bool_and(c.relrowsecurity) AS every_table_of_an_organization_is_isolated
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_policy AS p ON p.polrelid = c.oid AND p.polname = 'organization_isolation'
WHERE c.relnamespace = 'research'::regnamespace AND c.relname IN (
    'projects', 'project_members', 'workflows', 'workflow_versions', 'runs', 'run_moves',
    'stage_runs', 'stage_moves', 'checkpoints'
);

SELECT bool_and(
    NOT has_column_privilege(role, relation, 'state', 'UPDATE')
    AND NOT has_column_privilege(role, relation, 'state', 'INSERT')
) AS nobody_writes_a_state_but_through_the_functions
FROM unnest(ARRAY['rf_research_read', 'rf_research_write', 'rf_jobs', 'rf_manuscript_write']) AS role
CROSS JOIN unnest(ARRAY['research.runs', 'research.stage_runs']) AS relation;
