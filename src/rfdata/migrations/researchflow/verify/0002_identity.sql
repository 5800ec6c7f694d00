SELECT array_agg(name ORDER BY rank) @> '{VIEWER,RESEARCHER,STEWARD,ADMIN}' AS four_roles_in_their_order
FROM identity.roles;

SELECT count(*) >= 14 AS every_permission_is_there
FROM identity.permissions;

SELECT count(*) = 0 AS a_higher_role_may_all_that_a_lower_one_may
FROM identity.role_permissions AS p
JOIN identity.roles AS lower ON lower.name = p.role
JOIN identity.roles AS higher ON higher.rank > lower.rank
WHERE NOT EXISTS (
    SELECT FROM identity.role_permissions AS h
    WHERE h.role = higher.name AND h.permission = p.permission
);

SELECT count(*) = 0 AS every_permission_has_a_role
FROM identity.permissions AS p
WHERE NOT EXISTS (SELECT FROM identity.role_permissions AS r WHERE r.permission = p.name);

SELECT bool_and(relrowsecurity) AS rows_are_isolated
FROM pg_class
WHERE oid IN (
    'identity.organizations'::regclass, 'identity.users'::regclass,
    'identity.credentials'::regclass, 'identity.memberships'::regclass,
    'identity.role_grants'::regclass, 'identity.invites'::regclass,
    'identity.mfa_enrolments'::regclass, 'identity.consent_texts'::regclass,
    'identity.consents'::regclass, 'identity.quotas'::regclass
);

SELECT count(*) = 0 AS nobody_but_the_owner_reaches_credentials
FROM pg_class AS c, aclexplode(c.relacl) AS a
WHERE c.oid = 'identity.credentials'::regclass AND a.grantee <> c.relowner;

SELECT count(*) = 0 AS nobody_reads_the_hash_of_an_invite
FROM pg_roles AS r
WHERE r.rolname LIKE 'rf\_%'
    AND has_column_privilege(r.oid, 'identity.invites', 'token_hash', 'SELECT');

SELECT count(*) = 0 AS every_organization_has_an_admin
FROM identity.organizations AS o
WHERE o.status <> 'closed'
    AND EXISTS (SELECT FROM identity.memberships AS m WHERE m.organization_id = o.id)
    AND NOT EXISTS (
        SELECT FROM identity.memberships AS m
        WHERE m.organization_id = o.id AND m.role = 'ADMIN' AND m.status = 'active'
    );
