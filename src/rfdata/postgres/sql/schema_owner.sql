SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'public'
