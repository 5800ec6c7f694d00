SELECT to_regprocedure(%(name)s)::text
