"""What models were asked and what it cost: exact, and never changed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from psycopg import errors
from tests.migrations.people import (
    WORKER,
)
from tests.migrations.studies import INVOKE, SHA256, Study, refused

if TYPE_CHECKING:
    pass

from tests.migrations.studies import shared as shared
from tests.migrations.studies import study as study


def test_costs_add_up_by_day_and_currency_exactly(study: Study) -> None:
    with study.acting(WORKER) as session:
        session.execute("SET timezone = 'Pacific/Auckland'")
        for status, cost, currency, at in (
            ("succeeded", "0.1", "USD", "2026-03-01 23:59Z"),
            ("succeeded", "0.2", "USD", "2026-03-01 00:00Z"),
            ("timed_out", "0.000003", "USD", "2026-03-01 12:00Z"),
            ("succeeded", "5", "EUR", "2026-03-01 12:00Z"),
            ("succeeded", "7", "USD", "2026-03-02 00:00Z"),
        ):
            session.execute(INVOKE, (status, cost, currency, SHA256, SHA256, at))
        rows = session.execute(
            "SELECT day, currency, invocations, unsuccessful, prompt_tokens, cost"
            " FROM research.ai_costs ORDER BY day, currency"
        ).fetchall()
    first, second = date(2026, 3, 1), date(2026, 3, 2)
    assert rows == [
        (first, "EUR", 1, 0, Decimal(1000), Decimal(5)),
        (first, "USD", 3, 1, Decimal(3000), Decimal("0.300003")),
        (second, "USD", 1, 0, Decimal(1000), Decimal(7)),
    ]


def test_what_was_invoked_is_never_changed(study: Study) -> None:
    with study.acting() as session:
        session.execute(INVOKE, ("succeeded", "1", "USD", SHA256, SHA256, "2026-01-01"))
    with study.place.superuser() as superuser:
        for statement in (
            b"UPDATE research.ai_invocations SET cost = 0",
            b"UPDATE research.ai_invocations SET job_id = gen_random_uuid()",
            b"DELETE FROM research.ai_invocations",
            b"TRUNCATE research.ai_invocations",
        ):
            with pytest.raises(errors.InsufficientPrivilege, match="append-only"):
                superuser.execute(statement)


@pytest.mark.parametrize(
    ("status", "cost", "currency", "response"),
    [
        ("succeeded", "-1", "USD", SHA256),
        ("succeeded", "1", "dollars", SHA256),
        ("succeeded", "1", "USD", None),
        ("succeeded", "1", "USD", b"the text itself"),
        ("fine", "1", "USD", SHA256),
    ],
)
def test_an_invocation_that_makes_no_sense_is_refused(
    study: Study, status: str, cost: str, currency: str, response: bytes | None
) -> None:
    with study.acting() as session:
        refused(
            session,
            errors.CheckViolation,
            INVOKE,
            status,
            cost,
            currency,
            SHA256,
            response,
            "2026-01-01",
        )
