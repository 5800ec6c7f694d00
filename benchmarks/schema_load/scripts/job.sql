SELECT id AS job, lease_token AS token FROM research.claim_job('worker-' || :client_id, ARRAY['analysis', 'embed']) \gset
SELECT research.finish_job(:job, :token, '{"outcome": "good"}');
