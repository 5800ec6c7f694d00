-- Organizations and their users; ids that a script can compute from a number.
CREATE SCHEMA benchmark;
GRANT USAGE ON SCHEMA benchmark TO PUBLIC;

CREATE FUNCTION benchmark.id(kind integer, number bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (lpad(to_hex(kind), 8, '0') || '-0000-4000-8000-' || lpad(to_hex(number), 12, '0'))::uuid;
GRANT EXECUTE ON FUNCTION benchmark.id(integer, bigint) TO PUBLIC;

INSERT INTO identity.organizations (id, name, slug)
SELECT benchmark.id(1, o), 'Organization ' || o, 'organization-' || o
FROM generate_series(1, %(organizations)s) AS o;

INSERT INTO identity.users (id, email, display_name)
SELECT benchmark.id(2, u), 'user' || u || '@example.org', 'User ' || u
FROM generate_series(1, %(organizations)s * %(members)s) AS u;

INSERT INTO identity.memberships (organization_id, user_id, role)
SELECT benchmark.id(1, (u - 1) / %(members)s + 1), benchmark.id(2, u),
    (ARRAY['ADMIN', 'STEWARD', 'RESEARCHER', 'VIEWER'])[least(u %% %(members)s, 3) + 1]
FROM generate_series(1, %(organizations)s * %(members)s) AS u;
