"""No organization reaches another's people: by row-level security, by privilege and by keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg import errors
from psycopg.sql import SQL, Identifier
from tests.migrations.conftest import Scratch, scratch
from tests.migrations.people import (
    NOBODY,
    ORCHESTRATOR,
    READONLY,
    SERVICE_ROLES,
    furnish,
    hashed,
    make_organization,
    refused,
)
from tests.postgres.conftest import Cluster

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


@pytest.fixture(scope="module")
def place(pristine: Cluster, schema_template: Scratch) -> Iterator[Scratch]:
    """One database for all tests here: each works in organizations of its own."""
    with scratch(pristine, schema_template.name) as made:
        yield made


def test_entering_lasts_for_the_transaction(place: Scratch) -> None:
    home = make_organization(place)
    context = "SELECT identity.current_organization(), identity.current_user_id()"
    with place.acting_as(ORCHESTRATOR) as session:
        with session.transaction():
            entered = session.execute("SELECT identity.enter(%s, %s)", [home.id, home.steward])
            assert entered.fetchall() == [("STEWARD",)]
            assert session.execute(context).fetchall() == [(home.id, home.steward)]
            seen = session.execute("SELECT count(*) FROM identity.users").fetchall()
        assert seen == [(4,)]
        assert session.execute(context).fetchall() == [(None, None)]
        assert session.execute("SELECT count(*) FROM identity.users").fetchall() == [(0,)]


def test_an_organization_that_is_no_uuid_fails_closed(place: Scratch) -> None:
    with (
        place.acting_as(ORCHESTRATOR, "everything") as session,
        refused(errors.InvalidTextRepresentation),
    ):
        session.execute("SELECT * FROM identity.quotas")


@pytest.mark.parametrize("role", [*SERVICE_ROLES, READONLY, "researchflow_user"])
def test_each_service_sees_its_own_organization_and_without_one_nothing(
    place: Scratch, role: str
) -> None:
    home, away = make_organization(place), make_organization(place)
    furnish(place, home)
    furnish(place, away)
    for table in ISOLATED:
        column = {"organizations": "id", "users": "id"}.get(table, "organization_id")
        query = SQL("SELECT {} FROM identity.{}").format(Identifier(column), Identifier(table))
        with place.acting_as(role, home.id, home.admin) as session:
            seen = {value for (value,) in session.execute(query).fetchall()}
        people = {home.viewer, home.researcher, home.steward, home.admin}
        assert seen == (people if table == "users" else {home.id}), table
        for nowhere in (None, "", NOBODY):
            with place.acting_as(role, nowhere, home.admin) as session:
                assert session.execute(query).fetchall() == [], table


def test_what_is_another_organizations_cannot_be_changed(place: Scratch) -> None:
    home, away = make_organization(place), make_organization(place)
    furnish(place, home)
    furnish(place, away)
    with place.acting_as(ORCHESTRATOR, home.id, home.admin) as session:
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
            with refused(errors.InsufficientPrivilege):
                session.execute(f"INSERT INTO identity.{addition}".encode(), values)


def test_no_row_moves_to_another_organization(migrated: Scratch) -> None:
    """By privilege; and were it granted by mistake, by row-level security all the same."""
    home, away = make_organization(migrated), make_organization(migrated)
    furnish(migrated, home)
    moves = {
        table: SQL("UPDATE identity.{} SET organization_id = %s").format(Identifier(table))
        for table in ISOLATED
        if table not in ("organizations", "users")
    }
    with migrated.acting_as(ORCHESTRATOR, home.id, home.researcher) as session:
        for move in moves.values():
            with refused(errors.InsufficientPrivilege, "permission denied"):
                session.execute(move, [away.id])
    for table in moves:
        migrated.run(f"GRANT SELECT, UPDATE ON identity.{table} TO rf_identity_write")
        migrated.run(f"ALTER TABLE identity.{table} DISABLE TRIGGER USER")
    with migrated.acting_as(ORCHESTRATOR, home.id, home.researcher) as session:
        for move in moves.values():
            with refused(errors.InsufficientPrivilege, "row-level security"):
                session.execute(move, [away.id])


def test_no_row_points_into_another_organization(place: Scratch) -> None:
    """Whoever writes it: keys carry the organization."""
    home, away = make_organization(place), make_organization(place)
    furnish(place, away)
    [(foreign,)] = place.run(
        "SELECT id FROM identity.consent_texts WHERE organization_id = %s", away.id
    )
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
        with refused(errors.ForeignKeyViolation):
            place.run(f"INSERT INTO identity.{addition}", *values)
