"""The whole lint on real folders, with the real squawk: ours, and those of other tools."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rfdata.errors import ProgramMissing, Unreachable, UsageError
from rfdata.migrations import squawk
from rfdata.migrations.folder import read_folder
from rfdata.migrations.lint import lint
from rfdata.migrations.shipped import shipped
from rfdata.model.migrations import Problem

NARROW = "squawk/prefer-bigint-over-int"


def write(root: Path, contents: dict[str, str]) -> Path:
    for name, text in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def said(root: Path) -> list[tuple[str, str, str]]:
    """Place, rule and waiver of every finding."""
    return [(problem.place, problem.rule, problem.waived) for problem in lint(root)]


def one(root: Path, rule: str) -> Problem:
    (problem,) = (problem for problem in lint(root) if problem.rule == rule)
    return problem


def test_order_text_and_squawk_are_said_together(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "0001_a.sql": "CREATE TABLE a (id bigint PRIMARY KEY);",
            "0001_b.sql": "-- ä\n  SELECT 'äö😀'; ALTER TABLE a ADD COLUMN n int; BEGIN",
            "rollback/0001_a.sql": "DROP TABLE a; COMMIT",
            "rollback/0007_c.sql": "SELECT 1",
            "verify/0001_a.sql": "DELETE FROM a",
        },
    )
    expected = [
        ("0001_a.sql", "duplicate-number", ""),
        ("0001_b.sql", "duplicate-number", ""),
        ("0001_b.sql:2:44", NARROW, ""),
        ("0001_b.sql:2:49", "transaction-control", ""),
        ("rollback/0001_a.sql:1:15", "transaction-control", ""),
        ("rollback/0007_c.sql", "orphan", ""),
        ("verify/0001_a.sql:1:1", "verify-reads", ""),
    ]
    assert said(root) == expected
    assert lint(read_folder(root)) == lint(root)


def test_what_squawk_says_has_its_remedy_and_is_a_warning(tmp_path: Path) -> None:
    found = one(write(tmp_path, {"0001_a.sql": "CREATE TABLE a (b int)"}), NARROW)
    assert (found.line, found.column, found.severity) == (1, 19, "warning")
    assert "64-bit" in found.remedy
    assert found.message


def test_the_schema_that_we_ship_is_clean(tmp_path: Path) -> None:
    root = write(tmp_path, shipped())
    assert [problem for problem in lint(root) if not problem.waived] == []


def test_an_empty_folder_is_clean(tmp_path: Path) -> None:
    assert lint(tmp_path) == ()


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="absent"):
        lint(tmp_path / "absent")


def test_a_waiver_keeps_the_finding_with_its_reason(tmp_path: Path) -> None:
    text = f"""\
-- rfdata: waive {NARROW}: it holds a day of the week
-- rfdata: waive drop-table: nobody has read it since 2023
CREATE TABLE a (day int, month int);
DROP TABLE b;
"""
    assert said(write(tmp_path, {"0001_a.sql": text, "0002_b.sql": "DROP TABLE c"})) == [
        ("0001_a.sql:3:21", NARROW, "it holds a day of the week"),
        ("0001_a.sql:3:32", NARROW, "it holds a day of the week"),
        ("0001_a.sql:4:1", "drop-table", "nobody has read it since 2023"),
        ("0002_b.sql:1:1", "drop-table", ""),
    ]


def test_a_rollback_waives_for_itself(tmp_path: Path) -> None:
    text = "-- rfdata: waive session-setting: the next statement needs it\nSET search_path TO a"
    root = write(tmp_path, {"0001_a.sql": "SET search_path TO a", "rollback/0001_a.sql": text})
    assert said(root) == [
        ("0001_a.sql:1:1", "session-setting", ""),
        ("rollback/0001_a.sql:2:1", "session-setting", "the next statement needs it"),
    ]


USELESS = {
    "drop-table": ("SELECT 1", "waives nothing", "remove it"),
    "squawk/ban-drop-column": ("SELECT 1", "squawk's rule is left out", "remove it"),
    "squawk/ban-drop-table": (
        "DROP TABLE a",
        "squawk's rule is left out",
        "waive drop-table instead",
    ),
    "prefer-bigint-over-int": ("CREATE TABLE a (b int)", "waives nothing", f"waive {NARROW}"),
    "transaction-control": ("BEGIN", "can't be waived", "mend"),
}


@pytest.mark.parametrize("rule", USELESS)
def test_a_waiver_that_waives_nothing_is_a_warning(tmp_path: Path, rule: str) -> None:
    text, message, remedy = USELESS[rule]
    root = write(tmp_path, {"0001_a.sql": f"-- talk\n -- rfdata: waive {rule}: so\n{text}"})
    found = one(root, "useless-waiver")
    assert (found.place, found.severity) == ("0001_a.sql:2:2", "warning")
    assert message in found.message
    assert remedy in found.remedy
    assert all(not problem.waived for problem in lint(root))


def test_squawks_own_waivers_work(tmp_path: Path) -> None:
    text = (
        "-- squawk-ignore prefer-bigint-over-int\nCREATE TABLE a (b int);\nCREATE TABLE c (d int);"
    )
    assert said(write(tmp_path, {"0001_a.sql": text})) == [("0001_a.sql:3:19", NARROW, "")]


def test_a_configuration_of_squawks_hides_nothing(tmp_path: Path) -> None:
    config = 'excluded_rules = ["prefer-bigint-over-int"]'
    root = write(tmp_path, {".squawk.toml": config, "0001_a.sql": "CREATE TABLE a (b int)"})
    assert said(root) == [("0001_a.sql:1:19", NARROW, "")]


def test_squawk_knows_which_file_has_a_transaction(tmp_path: Path) -> None:
    change = "ALTER TABLE a ADD COLUMN b bigint"
    alone = f"-- rfdata: no-transaction\n{change}"
    root = write(tmp_path, {"0001_a.sql": change, "0002_b.sql": alone})
    assert said(root) == [("0002_b.sql:2:15", "squawk/prefer-robust-stmts", "")]


def test_what_squawk_is_not_asked_about_is_found_by_us(tmp_path: Path) -> None:
    for number, (theirs, ours) in enumerate(LEFT_OUT.items(), start=1):
        assert squawk.OURS[theirs] == ours[0]
        write(tmp_path, {f"{number:04}_a.sql": ours[1]})
    rules = {rule for _, rule, _ in said(tmp_path)}
    assert {rule for rule, _ in LEFT_OUT.values()} <= rules
    assert not rules & {f"{squawk.PREFIX}{theirs}" for theirs in squawk.OURS}
    assert {rule for rule in squawk.OURS.values() if " " not in rule} == {
        rule for rule, _ in LEFT_OUT.values()
    }


LEFT_OUT = {
    "transaction-nesting": ("transaction-control", "BEGIN"),
    "ban-concurrent-index-creation-in-transaction": (
        "outside-transaction",
        "CREATE INDEX CONCURRENTLY i ON t (a)",
    ),
    "ban-drop-table": ("drop-table", "DROP TABLE t"),
    "ban-drop-column": ("drop-column", "ALTER TABLE t DROP COLUMN a"),
    "ban-truncate-cascade": ("truncate", "TRUNCATE t CASCADE"),
    "ban-drop-schema": ("drop-schema", "DROP SCHEMA s"),
    "ban-drop-database": ("beyond-database", "DROP DATABASE d"),
    "ban-alter-role-options": ("role", "ALTER ROLE r LOGIN"),
}


def test_hundreds_of_files_are_linted_in_parts(tmp_path: Path) -> None:
    text = "CREATE TABLE a (b int)"
    write(tmp_path, {f"{number:04}_a.sql": text for number in range(1, 1102)})
    assert [place for place, _, _ in said(tmp_path)] == [
        f"{number:04}_a.sql:1:19" for number in range(1, 1102)
    ]


def test_a_file_too_large_for_squawk_is_said(tmp_path: Path) -> None:
    text = "-- ä\n" * (squawk.LARGEST // 5) + "CREATE TABLE a (b int);"
    root = write(tmp_path, {"0001_a.sql": text, "0002_b.sql": "CREATE TABLE c (d int);"})
    assert said(root) == [("0001_a.sql", "not-linted", ""), ("0002_b.sql:1:19", NARROW, "")]


def test_files_that_cant_be_read_leave_the_others_linted(tmp_path: Path) -> None:
    root = write(tmp_path, {"0002_b.sql": "CREATE TABLE c (d int);", "0003_c.sql": "SELECT '"})
    (root / "0001_a.sql").write_bytes(b"\xff")
    assert [problem[:2] for problem in said(root) if not problem[1].endswith("syntax-error")] == [
        ("0001_a.sql:1:1", "encoding"),
        ("0002_b.sql:1:19", NARROW),
        ("0003_c.sql:1:8", "unterminated"),
    ]


def test_without_squawk_the_lint_is_not_green(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"0001_a.sql": "SELECT 1"})
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProgramMissing, match="squawk") as caught:
        lint(tmp_path)
    assert "pip install squawk-cli" in caught.value.hint


@pytest.mark.parametrize("answer", ["thread 'main' panicked", "{}", ""])
def test_a_squawk_that_answers_nonsense_is_not_green(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    write(tmp_path, {"0001_a.sql": "SELECT 1", "bin/squawk": f"#!/bin/sh\necho '{answer}'\n"})
    (tmp_path / "bin" / "squawk").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    with pytest.raises(Unreachable, match="squawk"):
        lint(tmp_path)


FLYWAY = {
    "V1__init.sql": "CREATE TABLE a (b int)",
    "V2__drop.sql": "DROP TABLE a",
    "V10__more.sql": "SELECT 1",
    "V2.1__x.sql": "SELECT 1",
    "U2__drop.sql": "DROP TABLE a",
    "R__views.sql": "CREATE VIEW v AS SELECT 1",
}
OTHERS: dict[str, tuple[dict[str, str], list[tuple[str, str, str]]]] = {
    "flyway": (
        FLYWAY,
        [("V1__init.sql:1:19", NARROW, ""), ("V2__drop.sql:1:1", "drop-table", "")],
    ),
    "flyway, a version twice": (
        {**FLYWAY, "V2_1__y.sql": "SELECT 1"},
        [
            ("V1__init.sql:1:19", NARROW, ""),
            ("V2_1__y.sql", "duplicate-number", ""),
            ("V2__drop.sql:1:1", "drop-table", ""),
        ],
    ),
    "golang-migrate": (
        {
            "1_a.up.sql": "CREATE TABLE a (b int)",
            "1_a.down.sql": "DROP TABLE a",
            "2_b.up.sql": "SELECT 1",
            "2_c.up.sql": "SELECT 1",
            "10_d.up.sql": "SELECT 1",
        },
        [
            ("1_a.up.sql", "mixed-width", ""),
            ("1_a.up.sql:1:19", NARROW, ""),
            ("2_c.up.sql", "duplicate-number", ""),
        ],
    ),
    "prisma": (
        {
            "20240101_a/migration.sql": "BEGIN",
            "20240102_b/migration.sql": "SELECT 1",
            "migration_lock.toml": "",
        },
        [("20240101_a/migration.sql:1:1", "transaction-control", "")],
    ),
    "timestamps": (
        {"20240131120000_a.sql": "SELECT 1", "20250131120000_b.sql": "DROP TABLE a"},
        [("20250131120000_b.sql:1:1", "drop-table", "")],
    ),
    "no numbers": (
        {"users.sql": "CREATE TABLE a (b int)", "down/users.sql": "DROP TABLE a"},
        [("users.sql:1:19", NARROW, "")],
    ),
    "odd names": (
        {"a [1]*?.sql": "CREATE TABLE a (b int)", "-e.sql": "SELECT 'x", "ü {x}.sql": "SELECT"},
        [("-e.sql:1:8", "unterminated", ""), ("a [1]*?.sql:1:19", NARROW, "")],
    ),
    "hidden": ({".git/x.sql": "DROP TABLE a", "x.sql": "SELECT 1"}, []),
    "waived": (
        {"V1__a.sql": f"-- rfdata: waive {NARROW}: small\nCREATE TABLE a (b int)"},
        [("V1__a.sql:2:19", NARROW, "small")],
    ),
}


@pytest.mark.parametrize(("contents", "expected"), OTHERS.values(), ids=OTHERS)
def test_any_folder_of_sql_can_be_linted(
    tmp_path: Path, contents: dict[str, str], expected: list[tuple[str, str, str]]
) -> None:
    root = write(tmp_path / "a folder, [with] marks", contents)
    found = [problem for problem in said(root) if problem[1] != "squawk/syntax-error"]
    assert found == expected


def test_bytes_that_are_no_text_are_said_of_any_folder(tmp_path: Path) -> None:
    (tmp_path / "V1__a.sql").write_bytes(b"SELECT '\xe4'")
    assert said(tmp_path) == [("V1__a.sql:1:9", "encoding", "")]


def test_a_bad_directive_is_said_of_any_folder(tmp_path: Path) -> None:
    write(tmp_path, {"V1__a.sql": "-- rfdata: fly\nSELECT 1"})
    assert said(tmp_path) == [("V1__a.sql:1:1", "directive", "")]
