SELECT pg_conf_load_time()
