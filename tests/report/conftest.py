"""Reports by hand: a small one with every outcome, the whole checklist, and a hostile one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rfdata.checklist import catalogue
from rfdata.model.verdict import (
    CheckResult,
    Item,
    LineResult,
    Outcome,
    Report,
    Verdict,
    worst,
)

START = datetime(2026, 11, 22, 15, 30, 12, 345678, tzinfo=UTC)
END = START + timedelta(seconds=1.5)

HOSTILE = (
    "</script></style><script>alert(1)</script>\"'`<img src=x onerror=alert(2)>{{7*7}}{% raw %}"
    "\x00\x1b[31mred\x07\u202egnp.exe\u2066\ufeff\ud800 ]]> --> & &amp; | * _ # \\ \r\n- [x] forged\n## forged"
)


def result(
    id: str,
    outcome: Outcome = Outcome.PASS,
    expected: str = "on",
    actual: str = "on",
    note: str = "",
) -> CheckResult:
    item = Item(id, "high", f"why {id}", f"remedy of {id}")
    return CheckResult(item, Verdict(outcome, expected, actual, "pg_settings", note, START, END))


def report(lines: tuple[LineResult, ...], checks: tuple[CheckResult, ...]) -> Report:
    return Report(
        "research", "prod", "native", "c" * 64, "PostgreSQL 16", "e" * 64, START, END, lines, checks
    )


@pytest.fixture
def small() -> Report:
    checks = (
        result("postgres.ssl"),
        result("postgres.checksums", Outcome.FAIL, "on", "off"),
        result("redis.aof", Outcome.UNKNOWN, "a reading", "none", "not reached within 5 s"),
        result("stray.check", Outcome.FAIL, "yes", "no"),
    )
    lines = (
        LineResult("2.1", 2, "Passes", Outcome.PASS, ("postgres.ssl",)),
        LineResult(
            "2.2",
            2,
            "Fails",
            Outcome.FAIL,
            ("postgres.ssl", "postgres.checksums"),
            "postgres.checksums: expected on; found off",
            "we look at the live thing",
        ),
        LineResult(
            "3.1", 3, "Unread", Outcome.UNKNOWN, ("redis.aof",), "redis.aof: not reached within 5 s"
        ),
        LineResult(
            "3.2", 3, "Later", Outcome.PENDING, ("capability:backups",), "backups come later"
        ),
        LineResult("9.1", 9, "By word", Outcome.ATTEST, ("attestation",), "nobody vouches yet"),
        LineResult("9.2", 9, "Given", Outcome.ATTESTED, ("attestation",), "attested by Ada"),
        LineResult("9.3", 9, "Accepted", Outcome.WAIVED, ("postgres.checksums",), "waived by Ada"),
        LineResult(
            "9.4", 9, "Not here", Outcome.NOT_APPLICABLE, ("target:native",), "no containers"
        ),
    )
    return report(lines, checks)


@pytest.fixture(scope="session")
def whole() -> Report:
    """Every line and check of the catalogue; a few checks are bad."""
    bad = {3: Outcome.FAIL, 77: Outcome.UNKNOWN, 101: Outcome.NOT_APPLICABLE}
    value = "hostssl all all 127.0.0.1/32 scram-sha-256"
    checks = tuple(
        CheckResult(
            check.item,
            Verdict(bad.get(number, Outcome.PASS), value, value, "the socket", "", START, END),
        )
        for number, check in enumerate(catalogue.CHECKS)
    )
    verdicts = {check.item.id: check.verdict for check in checks}
    lines = []
    for line in catalogue.LINES:
        outcomes = [verdicts[id].outcome for id in line.checks]
        outcomes += [Outcome.PENDING] * bool(line.pending or line.drill)
        outcomes += [Outcome.ATTEST] * bool(line.attest)
        others = ("capability:backups",) if line.pending or line.drill else ()
        outcome = worst(outcomes or [Outcome.NOT_APPLICABLE])
        reason = line.pending or line.attest or line.not_native
        section = int(line.id.partition(".")[0])
        decided = (*line.checks, *others)
        lines.append(
            LineResult(line.id, section, line.text, outcome, decided, reason, line.deviation)
        )
    return report(tuple(lines), checks)


@pytest.fixture
def hostile() -> Report:
    item = Item("postgres.ssl", "high", HOSTILE, HOSTILE)
    bad = CheckResult(item, Verdict(Outcome.FAIL, HOSTILE, HOSTILE, HOSTILE, HOSTILE, START, END))
    lines = (
        LineResult("2.1", 2, HOSTILE, Outcome.FAIL, ("postgres.ssl", HOSTILE), HOSTILE, HOSTILE),
        LineResult("2.2", 2, HOSTILE, Outcome.WAIVED, (HOSTILE,), HOSTILE, HOSTILE),
        LineResult("2.3", 2, HOSTILE, Outcome.ATTESTED, ("attestation",), HOSTILE),
    )
    return Report(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, START, END, lines, (bad,))
