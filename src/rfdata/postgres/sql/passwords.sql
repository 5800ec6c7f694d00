SELECT rolname, coalesce(rolpassword, '') FROM pg_authid WHERE rolname !~ '^pg_'
