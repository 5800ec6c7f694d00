SELECT name, coalesce(default_version, '') FROM pg_available_extensions
