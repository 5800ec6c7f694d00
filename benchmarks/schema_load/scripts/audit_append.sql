\set organization random(1, :organizations)
\set member random(1, :members)
BEGIN;
SELECT identity.enter(benchmark.id(1, :organization), benchmark.id(2, (:organization - 1) * :members + :member));
SELECT audit.append('run.looked_at', 'run', 'run-' || :member, '{"from": "benchmark"}');
COMMIT;
