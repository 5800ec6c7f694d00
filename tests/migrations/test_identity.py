"""Who belongs where and what they may do: by the functions, past row-level security, and at once."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from psycopg import errors
from psycopg.sql import SQL, Identifier
from tests.migrations.conftest import Scratch
from tests.migrations.people import (
    NOBODY,
    ORCHESTRATOR,
    OTHER_HASH,
    PASSWORD_HASH,
    READONLY,
    ROLES,
    SERVICE_ROLES,
    WORKER,
    Organization,
    at_once,
    hashed,
    join,
    make_organization,
    make_user,
    plans,
)

LOWEST = {
    "view": "VIEWER",
    "create": "RESEARCHER",
    "edit": "RESEARCHER",
    "run": "RESEARCHER",
    "export": "RESEARCHER",
    "archive": "STEWARD",
    "approve": "STEWARD",
    "dataset.classify": "STEWARD",
    "phi.view": "STEWARD",
    "phi.export": "STEWARD",
    "audit.read": "STEWARD",
    "user.manage": "ADMIN",
    "role.grant": "ADMIN",
    "system.configure": "ADMIN",
}
"""Every permission with the lowest role that has it."""

LEND = (
    "role_grants (organization_id, user_id, role, granted_by, reason, expires_at)"
    " VALUES (%s, %s, 'ADMIN', %s, 'x', now() + interval '1 day')"
)
INVITE = (
    "invites (organization_id, email, role, token_hash, invited_by, expires_at)"
    " VALUES (%s, 'a@b', 'ADMIN', %s, %s, now() + interval '1 day')"
)
CONSENT = "consents (organization_id, user_id, text_id) VALUES (%s, %s, %s)"

ISOLATED = (
    "organizations",
    "users",
    "memberships",
    "role_grants",
    "invites",
    "consent_texts",
    "consents",
    "quotas",
)


def may(place: Scratch, user: UUID, organization: UUID, permission: str) -> bool:
    [(answer,)] = place.run(
        "SELECT identity.has_permission(%s, %s, %s)", user, organization, permission
    )
    return bool(answer)


def furnish(place: Scratch, home: Organization) -> None:
    """A row of this organization in every table that has rows of organizations."""
    place.run(
        "INSERT INTO identity.role_grants"
        " (organization_id, user_id, role, granted_by, reason, expires_at)"
        " VALUES (%s, %s, 'STEWARD', %s, 'cover', now() + interval '1 day')",
        *(home.id, home.researcher, home.admin),
    )
    place.run(
        "INSERT INTO identity.invites"
        " (organization_id, email, role, token_hash, invited_by, expires_at)"
        " VALUES (%s, 'new@example.org', 'VIEWER', %s, %s, now() + interval '1 day')",
        *(home.id, hashed(str(home.id)), home.admin),
    )
    place.run(
        "WITH asked AS (INSERT INTO identity.consent_texts (organization_id, kind, version, body)"
        " VALUES (%s, 'data_processing', 1, 'We read it.') RETURNING id)"
        " INSERT INTO identity.consents (organization_id, user_id, text_id)"
        " SELECT %s, %s, id FROM asked",
        *(home.id, home.id, home.researcher),
    )
    place.run(
        "INSERT INTO identity.quotas (organization_id, resource, allowed) VALUES (%s, 'runs', 10)",
        home.id,
    )


# What somebody may do.


def test_the_matrix_is_the_one_that_was_agreed(migrated: Scratch) -> None:
    home = make_organization(migrated)
    members = dict(
        zip(ROLES, (home.viewer, home.researcher, home.steward, home.admin), strict=True)
    )
    for permission, lowest in LOWEST.items():
        for role, user in members.items():
            expected = ROLES.index(role) >= ROLES.index(lowest)
            assert may(migrated, user, home.id, permission) is expected, (role, permission)
    assert {name for (name,) in migrated.run("SELECT name FROM identity.permissions")} == set(
        LOWEST
    )


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE identity.users SET status = 'suspended', status_reason = 'x' WHERE id = %(user)s",
        "UPDATE identity.users SET status = 'closed', status_reason = 'x' WHERE id = %(user)s",
        "UPDATE identity.memberships SET status = 'suspended' WHERE user_id = %(user)s",
        "UPDATE identity.memberships SET status = 'left' WHERE user_id = %(user)s",
        "UPDATE identity.organizations SET status = 'suspended' WHERE id = %(home)s",
        "UPDATE identity.organizations SET status = 'closed' WHERE id = %(home)s",
    ],
)
def test_whoever_is_out_has_no_permission_and_cannot_enter(migrated: Scratch, change: str) -> None:
    home = make_organization(migrated)
    furnish(migrated, home)  # with a role lent on top
    assert may(migrated, home.researcher, home.id, "view")
    with migrated.superuser() as session:
        session.execute(change.encode(), {"user": home.researcher, "home": home.id})
    assert not may(migrated, home.researcher, home.id, "view")
    with (
        migrated.acting_as(ORCHESTRATOR) as session,
        pytest.raises(errors.InsufficientPrivilege, match="no active member"),
    ):
        session.execute("SELECT identity.enter(%s, %s)", [home.id, home.researcher])


def test_a_permission_ends_at_the_organizations_border(migrated: Scratch) -> None:
    home, away = make_organization(migrated), make_organization(migrated)
    assert not may(migrated, home.admin, away.id, "view")
    assert not may(migrated, NOBODY, home.id, "view")


def test_a_misspelt_permission_is_an_error(migrated: Scratch) -> None:
    home = make_organization(migrated)
    with pytest.raises(errors.UndefinedObject, match=r'no permission "phi\.veiw"'):
        may(migrated, home.viewer, home.id, "phi.veiw")


@pytest.mark.parametrize(
    ("ended", "holds"),
    [
        ("expires_at = now() + interval '1 minute'", True),
        ("granted_at = now() - interval '2 hours', expires_at = now() - interval '1 hour'", False),
        ("granted_at = now() + interval '1 hour'", False),
        ("revoked_at = now(), revoked_by = granted_by", False),
    ],
)
def test_a_lent_role_holds_for_its_time(migrated: Scratch, ended: str, holds: bool) -> None:
    home = make_organization(migrated)
    furnish(migrated, home)
    migrated.run(f"UPDATE identity.role_grants SET {ended}")
    assert may(migrated, home.researcher, home.id, "phi.view") is holds
    assert may(migrated, home.researcher, home.id, "edit")


def test_a_lent_role_is_bounded_explained_and_given_by_somebody_else(migrated: Scratch) -> None:
    home = make_organization(migrated)
    lend = (
        "INSERT INTO identity.role_grants"
        " (organization_id, user_id, role, granted_by, reason, expires_at)"
        " VALUES (%s, %s, 'ADMIN', %s, %s, now() + %s::interval)"
    )
    for user, reason, lasts in (
        (home.viewer, "cover", "31 days"),
        (home.viewer, "cover", "-1 hour"),
        (home.viewer, "  ", "1 hour"),
        (home.admin, "cover", "1 hour"),
    ):
        with pytest.raises(errors.CheckViolation):
            migrated.run(lend, home.id, user, home.admin, reason, lasts)


# The organization in context.


def test_entering_lasts_for_the_transaction(migrated: Scratch) -> None:
    home = make_organization(migrated)
    context = "SELECT identity.current_organization(), identity.current_user_id()"
    with migrated.acting_as(ORCHESTRATOR) as session:
        with session.transaction():
            entered = session.execute("SELECT identity.enter(%s, %s)", [home.id, home.steward])
            assert entered.fetchall() == [("STEWARD",)]
            assert session.execute(context).fetchall() == [(home.id, home.steward)]
            seen = session.execute("SELECT count(*) FROM identity.users").fetchall()
        assert seen == [(4,)]
        assert session.execute(context).fetchall() == [(None, None)]
        assert session.execute("SELECT count(*) FROM identity.users").fetchall() == [(0,)]


def test_an_organization_that_is_no_uuid_fails_closed(migrated: Scratch) -> None:
    with (
        migrated.acting_as(ORCHESTRATOR, "everything") as session,
        pytest.raises(errors.InvalidTextRepresentation),
    ):
        session.execute("SELECT * FROM identity.quotas")


@pytest.mark.parametrize("role", [*SERVICE_ROLES, READONLY])
def test_each_service_sees_its_own_organization_and_without_one_nothing(
    migrated: Scratch, role: str
) -> None:
    home, away = make_organization(migrated), make_organization(migrated)
    furnish(migrated, home)
    furnish(migrated, away)
    for table in ISOLATED:
        column = {"organizations": "id", "users": "id"}.get(table, "organization_id")
        query = SQL("SELECT {} FROM identity.{}").format(Identifier(column), Identifier(table))
        with migrated.acting_as(role, home.id, home.admin) as session:
            seen = {value for (value,) in session.execute(query).fetchall()}
        people = {home.viewer, home.researcher, home.steward, home.admin}
        assert seen == (people if table == "users" else {home.id}), table
        for nowhere in (None, "", NOBODY):
            with migrated.acting_as(role, nowhere, home.admin) as session:
                assert session.execute(query).fetchall() == [], table


def test_what_is_another_organizations_cannot_be_changed(migrated: Scratch) -> None:
    home, away = make_organization(migrated), make_organization(migrated)
    furnish(migrated, home)
    furnish(migrated, away)
    with migrated.acting_as(ORCHESTRATOR, home.id, home.admin) as session:
        for change in (
            "UPDATE identity.organizations SET name = 'ours' WHERE id = %s",
            "UPDATE identity.memberships SET role = 'VIEWER' WHERE organization_id = %s",
            "UPDATE identity.invites SET revoked_at = now() WHERE organization_id = %s",
            "UPDATE identity.role_grants SET revoked_at = now() WHERE organization_id = %s",
            "UPDATE identity.consents SET withdrawn_at = now() WHERE organization_id = %s",
            "UPDATE identity.quotas SET allowed = 0 WHERE organization_id = %s",
            "DELETE FROM identity.quotas WHERE organization_id = %s",
        ):
            assert session.execute(change.encode(), [away.id]).rowcount == 0, change
        for addition, values in (
            ("quotas (organization_id, resource, allowed) VALUES (%s, 'more', 1)", [away.id]),
            (
                "consent_texts (organization_id, kind, version, body) VALUES (%s, 'x', 1, 'x')",
                [away.id],
            ),
            (
                INVITE,
                [away.id, hashed("x"), away.admin],
            ),
            (
                LEND,
                [away.id, away.viewer, away.admin],
            ),
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                session.execute(f"INSERT INTO identity.{addition}".encode(), values)


@pytest.mark.parametrize("table", [t for t in ISOLATED if t not in ("organizations", "users")])
def test_no_row_moves_to_another_organization(migrated: Scratch, table: str) -> None:
    """By privilege; and were it granted by mistake, by row-level security all the same."""
    home, away = make_organization(migrated), make_organization(migrated)
    furnish(migrated, home)
    move = SQL("UPDATE identity.{} SET organization_id = %s").format(Identifier(table))
    with (
        migrated.acting_as(ORCHESTRATOR, home.id, home.researcher) as session,
        pytest.raises(errors.InsufficientPrivilege, match="permission denied"),
    ):
        session.execute(move, [away.id])
    migrated.run(f"GRANT SELECT, UPDATE ON identity.{table} TO rf_identity_write")
    migrated.run(f"ALTER TABLE identity.{table} DISABLE TRIGGER USER")
    with (
        migrated.acting_as(ORCHESTRATOR, home.id, home.researcher) as session,
        pytest.raises(errors.InsufficientPrivilege, match="row-level security"),
    ):
        session.execute(move, [away.id])


def test_no_row_points_into_another_organization(migrated: Scratch) -> None:
    """Whoever writes it: keys carry the organization."""
    home, away = make_organization(migrated), make_organization(migrated)
    furnish(migrated, away)
    [(foreign,)] = migrated.run("SELECT id FROM identity.consent_texts")
    for addition, values in (
        (
            LEND,
            (home.id, away.viewer, home.admin),
        ),
        (
            LEND,
            (home.id, home.viewer, away.admin),
        ),
        (
            INVITE,
            (home.id, hashed("x"), away.admin),
        ),
        (
            CONSENT,
            (home.id, home.viewer, foreign),
        ),
        (
            CONSENT,
            (away.id, home.viewer, foreign),
        ),
    ):
        with pytest.raises(errors.ForeignKeyViolation):
            migrated.run(f"INSERT INTO identity.{addition}", *values)


# Giving roles.


def test_roles_are_given_by_whoever_may_and_no_higher_than_theirs(migrated: Scratch) -> None:
    home = make_organization(migrated)
    change = "UPDATE identity.memberships SET role = 'STEWARD' WHERE user_id = %s"
    for actor in (home.steward, home.viewer, None, NOBODY):
        with (
            migrated.acting_as(ORCHESTRATOR, home.id, actor) as session,
            pytest.raises(errors.InsufficientPrivilege),
        ):
            session.execute(change.encode(), [home.viewer])
    with migrated.acting_as(ORCHESTRATOR, home.id, home.admin) as session:
        assert session.execute(change.encode(), [home.viewer]).rowcount == 1


def test_a_lent_role_is_not_passed_on(migrated: Scratch) -> None:
    home = make_organization(migrated)
    furnish(migrated, home)
    migrated.run("UPDATE identity.role_grants SET role = 'ADMIN'")
    assert may(migrated, home.researcher, home.id, "user.manage")
    with (
        migrated.acting_as(ORCHESTRATOR, home.id, home.researcher) as session,
        pytest.raises(errors.InsufficientPrivilege, match="may not do this with the role ADMIN"),
    ):
        session.execute(
            "UPDATE identity.memberships SET role = 'ADMIN' WHERE user_id = %s", [home.researcher]
        )


def test_whose_name_stands_on_it_is_not_the_callers_to_choose(migrated: Scratch) -> None:
    home = make_organization(migrated)
    with migrated.acting_as(ORCHESTRATOR, home.id, home.admin) as session:
        invited = session.execute(
            "INSERT INTO identity.invites"
            " (organization_id, email, role, token_hash, invited_by, expires_at)"
            " VALUES (%s, 'a@b', 'VIEWER', %s, %s, now() + interval '1 day') RETURNING invited_by",
            [home.id, hashed("x"), home.steward],
        )
        assert invited.fetchall() == [(home.admin,)]
        granted = session.execute(
            "INSERT INTO identity.role_grants"
            " (organization_id, user_id, role, granted_by, reason, expires_at)"
            " VALUES (%s, %s, 'ADMIN', %s, 'x', now() + interval '1 day') RETURNING granted_by",
            [home.id, home.viewer, home.steward],
        )
        assert granted.fetchall() == [(home.admin,)]
        revoked = session.execute(
            "UPDATE identity.role_grants SET revoked_at = now() RETURNING revoked_by"
        )
        assert revoked.fetchall() == [(home.admin,)]


def test_nobody_is_made_a_member_without_having_agreed(migrated: Scratch) -> None:
    """Or else an organization could look at anybody by making them a member."""
    home, away = make_organization(migrated), make_organization(migrated)
    with (
        migrated.acting_as(ORCHESTRATOR, home.id, home.admin) as session,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        session.execute(
            "INSERT INTO identity.memberships (organization_id, user_id, role)"
            " VALUES (%s, %s, 'VIEWER')",
            [home.id, away.admin],
        )


def test_one_admin_stays_even_when_two_go_at_once(migrated: Scratch) -> None:
    home = make_organization(migrated)
    second = join(migrated, home.id, make_user(migrated), "ADMIN")

    def leaves(user: UUID) -> bool:
        with migrated.acting_as(ORCHESTRATOR, home.id, user) as session:
            session.execute("SELECT identity.leave()")
        return True

    outcomes = at_once([lambda: leaves(home.admin), lambda: leaves(second)])
    assert sorted(outcome is True for outcome in outcomes) == [False, True]
    [refused] = [outcome for outcome in outcomes if outcome is not True]
    assert isinstance(refused, errors.CheckViolation)
    with pytest.raises(errors.CheckViolation, match="without an ADMIN"):
        migrated.run("UPDATE identity.memberships SET status = 'suspended' WHERE role = 'ADMIN'")
    migrated.run("UPDATE identity.organizations SET status = 'closed'")
    migrated.run("UPDATE identity.memberships SET status = 'left' WHERE role = 'ADMIN'")


# Accounts and passwords.


def test_an_account_is_changed_by_its_owner_and_seen_by_their_colleagues(
    migrated: Scratch,
) -> None:
    home = make_organization(migrated)
    rename = "UPDATE identity.users SET display_name = 'New' WHERE id = %s"
    with migrated.acting_as(ORCHESTRATOR, home.id, home.viewer) as session:
        assert session.execute(rename.encode(), [home.viewer]).rowcount == 1
        assert session.execute(rename.encode(), [home.admin]).rowcount == 0
        with pytest.raises(errors.InsufficientPrivilege):
            session.execute("UPDATE identity.users SET email = 'x@y' WHERE id = %s", [home.viewer])


def test_an_address_is_taken_whatever_its_case(migrated: Scratch) -> None:
    make_user(migrated, "Ada@Example.org")
    with pytest.raises(errors.UniqueViolation):
        make_user(migrated, "ada@example.ORG")


def test_an_account_that_others_share_is_not_one_organizations_to_suspend(
    migrated: Scratch,
) -> None:
    home, away = make_organization(migrated), make_organization(migrated)
    suspend = "SELECT identity.set_user_status(%s, 'suspended', 'left the house')"
    with migrated.acting_as(ORCHESTRATOR, home.id, home.admin) as session:
        session.execute(suspend.encode(), [home.viewer])
        for other in (away.viewer, home.admin):
            with pytest.raises(errors.InsufficientPrivilege):
                session.execute(suspend.encode(), [other])
        join(migrated, away.id, home.steward)
        with pytest.raises(errors.InsufficientPrivilege, match="alone"):
            session.execute(suspend.encode(), [home.steward])
    with (
        migrated.acting_as(ORCHESTRATOR, home.id, home.researcher) as session,
        pytest.raises(errors.InsufficientPrivilege, match=r"user\.manage"),
    ):
        session.execute(suspend.encode(), [home.steward])
    assert not may(migrated, home.viewer, home.id, "view")


@pytest.mark.parametrize("role", [*SERVICE_ROLES, READONLY])
@pytest.mark.parametrize(
    "query",
    [
        "SELECT password_hash FROM identity.credentials",
        "SELECT * FROM identity.credentials",
        "UPDATE identity.credentials SET failed_attempts = 0",
        "SELECT token_hash FROM identity.invites",
        "SELECT * FROM identity.invites",
    ],
)
def test_no_service_reads_hashes(migrated: Scratch, role: str, query: str) -> None:
    with (
        migrated.acting_as(role) as session,
        pytest.raises(errors.InsufficientPrivilege, match="permission denied"),
    ):
        session.execute(query.encode())


@pytest.mark.parametrize("role", [r for r in (*SERVICE_ROLES, READONLY) if r != ORCHESTRATOR])
def test_only_the_orchestrator_logs_people_in(migrated: Scratch, role: str) -> None:
    for call in ("attempt_login('a@b')", "create_user('a@b', 'A')", "leave()"):
        with (
            migrated.acting_as(role) as session,
            pytest.raises(errors.InsufficientPrivilege, match="permission denied"),
        ):
            session.execute(f"SELECT identity.{call}".encode())


@pytest.mark.parametrize(
    "stored",
    [
        "correct horse battery staple",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "$argon2i$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0$" + "aGFzaA" * 8,
        "$argon2id$v=19$m=64,t=3,p=4$c2FsdHNhbHRzYWx0$" + "aGFzaA" * 8,
        "$2b$04$" + "a" * 53,
        "$2b$12$" + "a" * 52,
        "$scrypt$ln=4,r=8,p=1$c2FsdHNhbHRzYWx0$" + "aGFzaA" * 8,
        PASSWORD_HASH + "\n",
        PASSWORD_HASH + "a" * 600,
        "",
    ],
)
def test_what_is_no_slow_hash_is_no_credential(migrated: Scratch, stored: str) -> None:
    user = make_user(migrated)
    with pytest.raises(errors.CheckViolation, match="password_hash_is_encoded"):
        migrated.run("INSERT INTO identity.credentials VALUES (%s, %s)", user, stored)


@pytest.mark.parametrize(
    "stored",
    [
        PASSWORD_HASH,
        "$2b$12$" + "./aB0" * 10 + "xyz",
        "$scrypt$ln=17,r=8,p=1$c2FsdHNhbHRzYWx0$" + "aGFzaA" * 8,
    ],
)
def test_the_three_slow_hashes_are_credentials(migrated: Scratch, stored: str) -> None:
    make_user(migrated, password_hash=stored)


def test_guessing_is_locked_out_even_at_once(migrated: Scratch) -> None:
    user = make_user(migrated, "ada@example.org", PASSWORD_HASH)

    def attempt() -> str | None:
        with migrated.acting_as(ORCHESTRATOR) as session:
            query = "SELECT password_hash FROM identity.attempt_login('ADA@example.org')"
            [(found,)] = session.execute(query).fetchall()
        return found if found is None else str(found)

    outcomes = at_once([attempt] * 12)
    assert outcomes.count(PASSWORD_HASH) == 5
    assert outcomes.count(None) == 7
    migrated.run("SELECT identity.login_succeeded(%s)", user)
    assert attempt() == PASSWORD_HASH


def test_each_lock_is_longer_up_to_an_hour(migrated: Scratch) -> None:
    user = make_user(migrated, "ada@example.org", PASSWORD_HASH)
    minutes = []
    with migrated.superuser() as session:
        for _ in range(14):
            with session.transaction():
                session.execute("UPDATE identity.credentials SET locked_until = NULL")
                session.execute("SELECT identity.attempt_login('ada@example.org')")
                [(locked,)] = session.execute(
                    "SELECT extract(epoch FROM locked_until - now())::int / 60"
                    " FROM identity.credentials WHERE user_id = %s",
                    [user],
                ).fetchall()
                minutes.append(locked)
    assert minutes == [None] * 4 + [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]


def test_no_hash_for_an_account_that_is_not_active_or_not_there(migrated: Scratch) -> None:
    user = make_user(migrated, "ada@example.org", PASSWORD_HASH)
    assert migrated.run("SELECT * FROM identity.attempt_login('eve@example.org')") == []
    migrated.run(
        "UPDATE identity.users SET status = 'suspended', status_reason = 'x' WHERE id = %s", user
    )
    assert migrated.run("SELECT * FROM identity.attempt_login('ada@example.org')") == []


def test_a_password_is_set_by_its_owner(migrated: Scratch) -> None:
    home = make_organization(migrated)
    set_password = "SELECT identity.set_password(%s, %s)"
    with migrated.acting_as(ORCHESTRATOR, home.id, home.admin) as session:
        session.execute(set_password.encode(), [home.admin, PASSWORD_HASH])
        session.execute(set_password.encode(), [home.admin, OTHER_HASH])
        with pytest.raises(errors.InsufficientPrivilege, match="owner only"):
            session.execute(set_password.encode(), [home.viewer, PASSWORD_HASH])
    stored = migrated.run("SELECT user_id, password_hash FROM identity.credentials")
    assert stored == [(home.admin, OTHER_HASH)]


# Invites.


def invite(place: Scratch, home: Organization, email: str, token: str, role: str = "ADMIN") -> None:
    with place.acting_as(ORCHESTRATOR, home.id, home.admin) as session:
        session.execute(
            "INSERT INTO identity.invites"
            " (organization_id, email, role, token_hash, invited_by, expires_at)"
            " VALUES (%s, %s, %s, %s, %s, now() + interval '7 days')",
            [home.id, email, role, hashed(token), home.admin],
        )


def accept(place: Scratch, token: str, user: UUID) -> list[tuple[object, ...]]:
    with place.acting_as(ORCHESTRATOR) as session:
        return session.execute(
            "SELECT * FROM identity.accept_invite(%s, %s)", [hashed(token), user]
        ).fetchall()


def test_an_invite_is_taken_up_once(migrated: Scratch) -> None:
    home = make_organization(migrated)
    ada = make_user(migrated, "ada@example.org")
    invite(migrated, home, "Ada@example.org", "t")
    outcomes = at_once([lambda: accept(migrated, "t", ada)] * 4)
    assert outcomes.count([(home.id, "ADMIN")]) == 1
    assert sum(isinstance(o, errors.InvalidAuthorizationSpecification) for o in outcomes) == 3
    assert may(migrated, ada, home.id, "user.manage")
    [(verified,)] = migrated.run(
        "SELECT email_verified_at IS NOT NULL FROM identity.users WHERE id = %s", ada
    )
    assert verified


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ("token_hash = sha256('another')", "No invite has this token."),
        ("revoked_at = now()", "It was withdrawn."),
        (
            "created_at = now() - interval '2 days', expires_at = now() - interval '1 day'",
            "It has expired.",
        ),
    ],
)
def test_an_invite_that_is_over_is_refused(migrated: Scratch, change: str, detail: str) -> None:
    home = make_organization(migrated)
    ada = make_user(migrated, "ada@example.org")
    invite(migrated, home, "ada@example.org", "t")
    migrated.run(f"UPDATE identity.invites SET {change}")
    with pytest.raises(errors.InvalidAuthorizationSpecification) as refused:
        accept(migrated, "t", ada)
    assert refused.value.diag.message_detail == detail


def test_an_invite_is_for_one_address(migrated: Scratch) -> None:
    home = make_organization(migrated)
    invite(migrated, home, "ada@example.org", "t")
    with pytest.raises(errors.InsufficientPrivilege, match="somebody else"):
        accept(migrated, "t", make_user(migrated, "eve@example.org"))


def test_an_invite_brings_back_who_left_but_changes_no_member(migrated: Scratch) -> None:
    home = make_organization(migrated)
    ada = join(migrated, home.id, make_user(migrated, "ada@example.org"), "VIEWER")
    invite(migrated, home, "ada@example.org", "t")
    for status in ("active", "suspended"):
        migrated.run("UPDATE identity.memberships SET status = %s WHERE user_id = %s", status, ada)
        with pytest.raises(errors.UniqueViolation, match="already"):
            accept(migrated, "t", ada)
    migrated.run("UPDATE identity.memberships SET status = 'left' WHERE user_id = %s", ada)
    assert accept(migrated, "t", ada) == [(home.id, "ADMIN")]


def test_a_new_organization_has_its_founder_for_admin(migrated: Scratch) -> None:
    ada = make_user(migrated)
    with migrated.acting_as(ORCHESTRATOR) as session:
        [(made,)] = session.execute(
            "SELECT identity.create_organization('Lab', 'lab', %s)", [ada]
        ).fetchall()
        found = session.execute("SELECT * FROM identity.organizations_of(%s)", [ada]).fetchall()
        assert found == [(made, "Lab", "lab", "ADMIN")]
        with pytest.raises(errors.NoDataFound):
            session.execute("SELECT identity.create_organization('Lab', 'lab2', %s)", [uuid4()])


# Second factors, consents, quotas.


def test_second_factors_are_the_users_own_and_sealed(migrated: Scratch) -> None:
    home = make_organization(migrated)
    enrol = (
        "INSERT INTO identity.mfa_enrolments (user_id, kind, label, secret_sealed, sealed_with)"
        " VALUES (%s, 'totp', 'phone', %s, 'key 1')"
    )
    with migrated.acting_as(ORCHESTRATOR, home.id, home.viewer) as session:
        session.execute(enrol.encode(), [home.viewer, b"s" * 48])
        with pytest.raises(errors.InsufficientPrivilege):
            session.execute(enrol.encode(), [home.admin, b"s" * 48])
        with pytest.raises(errors.CheckViolation, match="no_plain_secret"):
            session.execute(enrol.encode(), [home.viewer, b"s" * 20])
        with pytest.raises(errors.CheckViolation, match="no_plain_secret"):
            session.execute(
                "INSERT INTO identity.mfa_enrolments (user_id, kind, label)"
                " VALUES (%s, 'webauthn', 'key')",
                [home.viewer],
            )
        session.execute(
            "INSERT INTO identity.mfa_enrolments"
            " (user_id, kind, label, credential_id, public_key, sign_count)"
            " VALUES (%s, 'webauthn', 'key', %s, %s, 0)",
            [home.viewer, b"i" * 16, b"k" * 77],
        )
    counted = "SELECT count(*) FROM identity.mfa_enrolments"
    for user, expected in ((home.viewer, 2), (home.admin, 0), (None, 0)):
        with migrated.acting_as(ORCHESTRATOR, home.id, user) as session:
            assert session.execute(counted.encode()).fetchall() == [(expected,)]
    with migrated.acting_as(WORKER) as session, pytest.raises(errors.InsufficientPrivilege):
        session.execute(counted.encode())


def test_a_consent_is_given_by_oneself_to_words_that_do_not_change(migrated: Scratch) -> None:
    home = make_organization(migrated)
    with migrated.acting_as(ORCHESTRATOR, home.id, home.viewer) as session:
        [(text,)] = session.execute(
            "INSERT INTO identity.consent_texts (organization_id, kind, version, body)"
            " VALUES (%s, 'data_processing', 1, 'We read it.') RETURNING id",
            [home.id],
        ).fetchall()
        give = (
            "INSERT INTO identity.consents (organization_id, user_id, text_id) VALUES (%s, %s, %s)"
        )
        session.execute(give.encode(), [home.id, home.viewer, text])
        with pytest.raises(errors.UniqueViolation):
            session.execute(give.encode(), [home.id, home.viewer, text])
        with pytest.raises(errors.InsufficientPrivilege):
            session.execute(give.encode(), [home.id, home.admin, text])
        withdraw = "UPDATE identity.consents SET withdrawn_at = %s"
        assert session.execute(withdraw.encode(), ["now"]).rowcount == 1
        for undone in (None, "tomorrow"):
            with pytest.raises(errors.CheckViolation, match="stays withdrawn"):
                session.execute(withdraw.encode(), [undone])
        session.execute(give.encode(), [home.id, home.viewer, text])
    with migrated.acting_as(ORCHESTRATOR, home.id, home.admin) as session:
        withdrawn = session.execute(
            "UPDATE identity.consents SET withdrawn_at = now() WHERE withdrawn_at IS NULL"
        )
        assert withdrawn.rowcount == 0
    for change in ("UPDATE identity.consent_texts SET body = 'We sell it.'",):
        with pytest.raises(errors.InsufficientPrivilege, match="append-only"):
            migrated.run(change)


def test_a_quota_is_never_overdrawn_and_used_to_the_last(migrated: Scratch) -> None:
    home = make_organization(migrated)
    furnish(migrated, home)

    def take() -> int:
        with migrated.acting_as(WORKER, home.id, home.researcher) as session:
            taken = [
                session.execute("SELECT identity.consume_quota('runs', 3)").fetchall()
                for _ in range(3)
            ]
        return taken.count([(True,)])

    outcomes = at_once([take] * 6)
    assert sum(outcome for outcome in outcomes if isinstance(outcome, int)) == 3
    assert migrated.run("SELECT used FROM identity.quotas") == [(9,)]
    with migrated.acting_as(WORKER, home.id) as session:
        assert session.execute("SELECT identity.consume_quota('runs')").fetchall() == [(True,)]
        assert session.execute("SELECT identity.consume_quota('runs')").fetchall() == [(False,)]
        session.execute("SELECT identity.release_quota('runs', 4)")
    assert migrated.run("SELECT used FROM identity.quotas") == [(6,)]


def test_a_quota_renews_when_its_period_is_over(migrated: Scratch) -> None:
    home = make_organization(migrated)
    migrated.run(
        "INSERT INTO identity.quotas"
        " (organization_id, resource, allowed, used, renewed_every, renewed_at)"
        " VALUES (%s, 'ai.tokens', 100, 100, '30 days', now() - interval '29 days')",
        home.id,
    )
    take = "SELECT identity.consume_quota('ai.tokens', 60)"
    with migrated.acting_as(WORKER, home.id) as session:
        assert session.execute(take.encode()).fetchall() == [(False,)]
        migrated.run("UPDATE identity.quotas SET renewed_at = now() - interval '31 days'")
        assert session.execute(take.encode()).fetchall() == [(True,)]
        assert session.execute(take.encode()).fetchall() == [(False,)]
    assert migrated.run("SELECT used FROM identity.quotas") == [(60,)]


def test_a_quota_that_is_not_there_is_an_error_not_a_gift(migrated: Scratch) -> None:
    home, away = make_organization(migrated), make_organization(migrated)
    furnish(migrated, away)
    with migrated.acting_as(WORKER, home.id) as session:
        for call in ("consume_quota('runs')", "release_quota('runs')"):
            with pytest.raises(errors.NoDataFound, match="no quota for runs"):
                session.execute(f"SELECT identity.{call}".encode())
    with migrated.acting_as(WORKER, away.id) as session:
        for call in ("consume_quota('runs', -1)", "release_quota('runs', -1)"):
            with pytest.raises(errors.InvalidParameterValue):
                session.execute(f"SELECT identity.{call}".encode())


def test_a_permission_is_found_by_indexes_alone(migrated: Scratch) -> None:
    home = make_organization(migrated)
    migrated.run(
        "WITH people AS (INSERT INTO identity.users (email, display_name)"
        " SELECT n || '@example.org', 'Somebody' FROM generate_series(1, 5000) AS n RETURNING id)"
        " INSERT INTO identity.memberships (organization_id, user_id, role)"
        " SELECT %s, id, 'VIEWER' FROM people",
        home.id,
    )
    migrated.run(
        "INSERT INTO identity.role_grants"
        " (organization_id, user_id, role, granted_by, reason, expires_at)"
        " SELECT organization_id, user_id, 'STEWARD', %s, 'x', now() + interval '1 day'"
        " FROM identity.memberships WHERE user_id <> %s",
        *(home.admin, home.admin),
    )
    with migrated.superuser() as session:
        session.execute("ANALYZE")
        plan = plans(
            session, "SELECT identity.has_permission(%s, %s, 'phi.view')", home.viewer, home.id
        )
    assert "memberships_pkey" in plan
    assert "users_pkey" in plan
    assert "role_grants_user_idx" in plan
    for table in ("users", "memberships", "role_grants"):
        assert f"Seq Scan on {table}" not in plan, plan
