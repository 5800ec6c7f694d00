SELECT count(*) = 9 AND bool_and(c.relrowsecurity) AS every_table_of_an_organization_is_isolated
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_policy AS p ON p.polrelid = c.oid AND p.polname = 'organization_isolation'
WHERE c.relnamespace = 'research'::regnamespace AND c.relname IN (
    'artifacts', 'artifact_versions', 'artifact_edges', 'manuscripts', 'manuscript_versions',
    'datasets', 'phi_findings', 'approval_gates', 'approval_decisions'
);

SELECT count(*) = 4 AND bool_and(t.tgenabled = 'O') AS what_never_changes_is_guarded
FROM pg_catalog.pg_trigger AS t
WHERE t.tgname = 'refuse_change' AND t.tgrelid IN (
    'research.artifact_versions'::regclass, 'research.artifact_edges'::regclass,
    'research.manuscript_versions'::regclass, 'research.approval_decisions'::regclass
);

SELECT bool_and(NOT has_any_column_privilege(role, relation, 'INSERT, UPDATE'))
    AS versions_and_decisions_are_added_by_functions_only
FROM unnest(ARRAY['rf_research_read', 'rf_research_write', 'rf_jobs', 'rf_manuscript_write']) AS role
CROSS JOIN unnest(ARRAY[
    'research.artifact_versions', 'research.manuscript_versions', 'research.approval_decisions'
]) AS relation;

SELECT NOT EXISTS (
    SELECT FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = 'research.phi_findings'::regclass AND a.attname ~ '(text|value|excerpt|content)'
) AS findings_have_no_room_for_what_was_found;
