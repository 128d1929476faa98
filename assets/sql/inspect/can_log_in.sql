SELECT r.rolname FROM pg_catalog.pg_roles r WHERE r.rolcanlogin AND r.rolname = ANY ({roles})
