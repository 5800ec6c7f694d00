"""What somebody may do, for how long, and who may let them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import UUID

import pytest
from psycopg import errors
from tests.migrations.conftest import Scratch, scratch
from tests.migrations.people import (
    NOBODY,
    ORCHESTRATOR,
    ROLES,
    at_once,
    furnish,
    hashed,
    join,
    make_organization,
    make_user,
    may,
    plans,
    refused,
)
from tests.postgres.conftest import Cluster

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


@pytest.fixture(scope="module")
def place(pristine: Cluster, schema_template: Scratch) -> Iterator[Scratch]:
    """One database for all tests here: each works in organizations of its own."""
    with scratch(pristine, schema_template.name) as made:
        yield made


def test_the_matrix_is_the_one_that_was_agreed(place: Scratch) -> None:
    home = make_organization(place)
    members = dict(
        zip(ROLES, (home.viewer, home.researcher, home.steward, home.admin), strict=True)
    )
    for permission, lowest in LOWEST.items():
        for role, user in members.items():
            expected = ROLES.index(role) >= ROLES.index(lowest)
            assert may(place, user, home.id, permission) is expected, (role, permission)
    assert {name for (name,) in place.run("SELECT name FROM identity.permissions")} == set(LOWEST)


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
def test_whoever_is_out_has_no_permission_and_cannot_enter(place: Scratch, change: str) -> None:
    home = make_organization(place)
    furnish(place, home)  # with a role lent on top
    assert may(place, home.researcher, home.id, "view")
    with place.superuser() as session:
        session.execute(change.encode(), {"user": home.researcher, "home": home.id})
    assert not may(place, home.researcher, home.id, "view")
    with (
        place.acting_as(ORCHESTRATOR) as session,
        refused(errors.InsufficientPrivilege, "no active member"),
    ):
        session.execute("SELECT identity.enter(%s, %s)", [home.id, home.researcher])


def test_a_permission_ends_at_the_organizations_border(place: Scratch) -> None:
    home, away = make_organization(place), make_organization(place)
    assert not may(place, home.admin, away.id, "view")
    assert not may(place, NOBODY, home.id, "view")


def test_a_misspelt_permission_is_an_error(place: Scratch) -> None:
    home = make_organization(place)
    with refused(errors.UndefinedObject, r'no permission "phi\.veiw"'):
        may(place, home.viewer, home.id, "phi.veiw")


@pytest.mark.parametrize(
    ("ended", "holds"),
    [
        ("expires_at = now() + interval '1 minute'", True),
        ("granted_at = now() - interval '2 hours', expires_at = now() - interval '1 hour'", False),
        ("granted_at = now() + interval '1 hour'", False),
        ("revoked_at = now(), revoked_by = granted_by", False),
    ],
)
def test_a_lent_role_holds_for_its_time(place: Scratch, ended: str, holds: bool) -> None:
    home = make_organization(place)
    furnish(place, home)
    place.run(f"UPDATE identity.role_grants SET {ended} WHERE organization_id = %s", home.id)
    assert may(place, home.researcher, home.id, "phi.view") is holds
    assert may(place, home.researcher, home.id, "edit")


def test_a_lent_role_is_bounded_explained_and_given_by_somebody_else(place: Scratch) -> None:
    home = make_organization(place)
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
        with refused(errors.CheckViolation):
            place.run(lend, home.id, user, home.admin, reason, lasts)


# Giving roles.


def test_roles_are_given_by_whoever_may_and_no_higher_than_theirs(place: Scratch) -> None:
    home = make_organization(place)
    change = "UPDATE identity.memberships SET role = 'STEWARD' WHERE user_id = %s"
    for actor in (home.steward, home.viewer, None, NOBODY):
        with (
            place.acting_as(ORCHESTRATOR, home.id, actor) as session,
            refused(errors.InsufficientPrivilege),
        ):
            session.execute(change.encode(), [home.viewer])
    with place.acting_as(ORCHESTRATOR, home.id, home.admin) as session:
        assert session.execute(change.encode(), [home.viewer]).rowcount == 1


def test_a_lent_role_is_not_passed_on(place: Scratch) -> None:
    home = make_organization(place)
    furnish(place, home)
    place.run("UPDATE identity.role_grants SET role = 'ADMIN' WHERE organization_id = %s", home.id)
    assert may(place, home.researcher, home.id, "user.manage")
    with (
        place.acting_as(ORCHESTRATOR, home.id, home.researcher) as session,
        refused(errors.InsufficientPrivilege, "may not do this with the role ADMIN"),
    ):
        session.execute(
            "UPDATE identity.memberships SET role = 'ADMIN' WHERE user_id = %s", [home.researcher]
        )


def test_whose_name_stands_on_it_is_not_the_callers_to_choose(place: Scratch) -> None:
    home = make_organization(place)
    with place.acting_as(ORCHESTRATOR, home.id, home.admin) as session:
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


def test_nobody_is_made_a_member_without_having_agreed(place: Scratch) -> None:
    """Or else an organization could look at anybody by making them a member."""
    home, away = make_organization(place), make_organization(place)
    with (
        place.acting_as(ORCHESTRATOR, home.id, home.admin) as session,
        refused(errors.InsufficientPrivilege),
    ):
        session.execute(
            "INSERT INTO identity.memberships (organization_id, user_id, role)"
            " VALUES (%s, %s, 'VIEWER')",
            [home.id, away.admin],
        )


def test_one_admin_stays_even_when_two_go_at_once(place: Scratch) -> None:
    home = make_organization(place)
    second = join(place, home.id, make_user(place), "ADMIN")

    def leaves(user: UUID) -> bool:
        with place.acting_as(ORCHESTRATOR, home.id, user) as session:
            session.execute("SELECT identity.leave()")
        return True

    outcomes = at_once([lambda: leaves(home.admin), lambda: leaves(second)])
    assert sorted(outcome is True for outcome in outcomes) == [False, True]
    [refusal] = [outcome for outcome in outcomes if outcome is not True]
    assert isinstance(refusal, errors.CheckViolation)
    everybody = "UPDATE identity.memberships SET status = 'left' WHERE organization_id = %s"
    with refused(errors.CheckViolation, "without an ADMIN"):
        place.run(everybody, home.id)
    place.run("UPDATE identity.organizations SET status = 'closed' WHERE id = %s", home.id)
    place.run(everybody, home.id)


def test_a_permission_is_found_by_indexes_alone(place: Scratch) -> None:
    home = make_organization(place)
    place.run(
        "WITH people AS (INSERT INTO identity.users (email, display_name)"
        " SELECT n || '@example.org', 'Somebody' FROM generate_series(1, 5000) AS n RETURNING id)"
        " INSERT INTO identity.memberships (organization_id, user_id, role)"
        " SELECT %s, id, 'VIEWER' FROM people",
        home.id,
    )
    place.run(
        "INSERT INTO identity.role_grants"
        " (organization_id, user_id, role, granted_by, reason, expires_at)"
        " SELECT organization_id, user_id, 'STEWARD', %s, 'x', now() + interval '1 day'"
        " FROM identity.memberships WHERE organization_id = %s AND user_id <> %s",
        *(home.admin, home.id, home.admin),
    )
    with place.superuser() as session:
        session.execute("ANALYZE")
        plan = plans(
            session, "SELECT identity.has_permission(%s, %s, 'phi.view')", home.viewer, home.id
        )
    for table in ("users", "memberships", "role_grants"):
        assert re.search(rf"Index (Only )?Scan using \w+ on {table}", plan), plan
        assert f"Seq Scan on {table}" not in plan, plan
