"""What is known of Redis: settings and access rules as pure functions, a thin client, facts, probes."""
