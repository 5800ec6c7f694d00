"""All that is known of PostgreSQL, wherever it runs: settings, access, roles, facts, probes."""
