"""A folder of migrations: what is read of it, and what is said of every way in which one goes wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from tests.conftest import Ordinary

from rfdata.errors import UsageError
from rfdata.migrations import source
from rfdata.migrations.folder import better_name, read_folder

Write = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Write:
    """Makes a folder of these files: `folder({"0001_a.sql": "SELECT 1"})`."""

    def make(contents: dict[str, str | bytes]) -> Path:
        root = tmp_path / "migrations"
        for name, content in {".keep": "", **contents}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return root

    return make


def said(root: Path) -> list[tuple[str, str, str]]:
    """Every problem: its place, its rule, its message; each has a remedy and is an error."""
    problems = read_folder(root).problems
    assert all(problem.remedy and problem.severity == "error" for problem in problems)
    return [(problem.place, problem.rule, problem.message) for problem in problems]


def remedies(root: Path) -> list[str]:
    return [problem.remedy for problem in read_folder(root).problems]


def test_a_folder_is_read_in_the_order_of_its_numbers(folder: Write) -> None:
    root = folder(
        {
            "0010_third.sql": "SELECT 3",
            "0002_second.sql": "-- rfdata: no-transaction\nSELECT 2",
            "0001_first.sql": "SELECT 1",
            "rollback/0002_second.sql": "-- rfdata: lock-timeout 5s\nSELECT -2",
            "verify/0010_third.sql": "SELECT true",
            "README.md": "talk",
            "0001_first.sql.bak": "old",
            ".0001_first.sql.swp": b"\0",
            ".hidden.sql": "SELECT",
            "notes/anything.sql": "not ours",
        }
    )
    found = read_folder(root)
    assert found.problems == ()
    assert [m.name for m in found.migrations] == ["0001_first", "0002_second", "0010_third"]
    first, second, third = found.migrations
    assert (first.number, first.script.text, first.script.path) == (
        1,
        "SELECT 1",
        root / "0001_first.sql",
    )
    assert first.script.checksum == sha256(b"SELECT 1").hexdigest()
    assert (first.rollback, first.verify, first.directives.transaction) == (None, None, True)
    assert not second.directives.transaction
    assert second.rollback is not None
    assert second.rollback.text.endswith("SELECT -2")
    assert second.rollback_directives.lock_timeout == 5.0
    assert third.verify is not None
    assert [file.name for file in found.as_facts().files] == [m.name for m in found.migrations]


def test_an_empty_folder_is_fine(folder: Write) -> None:
    assert read_folder(folder({})).migrations == ()
    assert said(folder({})) == []


@pytest.mark.parametrize("name", ["absent", "file"])
def test_a_folder_that_cant_be_read_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=name) as caught:
        read_folder(tmp_path / name)
    assert caught.value.hint


def test_a_rollback_that_is_no_folder_is_refused(folder: Write) -> None:
    with pytest.raises(UsageError, match="rollback"):
        read_folder(folder({"rollback": ""}))


NAMES = {
    "12-Add Users.SQL": "12_add_users.sql",
    "addUsers.sql": "0001_add_users.sql",
    "V3__init.sql": "3_init.sql",
    "0001.sql": "0001_name.sql",
    "0001_Üser.sql": "0001_ser.sql",
    "0001_a.Sql": "0001_a.sql",
    "٣_a.sql": "0001_a.sql",
    "0001_a.up.sql": "0001_a_up.sql",
    "_a.sql": "0001_a.sql",
}


@pytest.mark.parametrize(("bad", "good"), NAMES.items())
def test_a_bad_name_is_named_with_a_good_one(folder: Write, bad: str, good: str) -> None:
    root = folder({bad: "SELECT 1"})
    assert said(root) == [(bad, "name", "not named NNNN_name.sql, so it would never be run")]
    assert good in remedies(root)[0]
    assert better_name(bad) == good


def test_bad_names_beside_are_seen_too(folder: Write) -> None:
    root = folder({"0001_a.sql": "S", "rollback/1-a.sql": "S", "verify/A.sql": "S"})
    assert [problem[:2] for problem in said(root)] == [
        ("rollback/1-a.sql", "name"),
        ("verify/A.sql", "name"),
    ]


def test_a_number_of_more_than_64_bits_is_refused(folder: Write) -> None:
    fits = f"{2**63 - 1}_a.sql"
    assert said(folder({fits: "S"})) == []
    root = folder({f"{2**63}_a.sql": "S", f"{'9' * 100}_b.sql": "S"})
    assert {rule for _, rule, _ in said(root)} == {"name"}
    assert [m.name for m in read_folder(root).migrations] == [fits[:-4]]


def test_numbers_that_two_files_share_are_named_at_both(folder: Write) -> None:
    root = folder({"0001_a.sql": "S", "0001_b.sql": "S", "0007_c.sql": "S"})
    assert said(root) == [
        ("0001_a.sql", "duplicate-number", "number 1 is also that of 0001_b.sql"),
        ("0001_b.sql", "duplicate-number", "number 1 is also that of 0001_a.sql"),
    ]
    assert "0008" in remedies(root)[0]


def test_numbers_of_several_widths_are_named(folder: Write) -> None:
    root = folder({"0001_a.sql": "S", "0002_b.sql": "S", "003_c.sql": "S", "00004_d.sql": "S"})
    assert said(root) == [
        ("00004_d.sql", "mixed-width", "5 digits where the others have 4"),
        ("003_c.sql", "mixed-width", "3 digits where the others have 4"),
    ]
    assert remedies(root) == ["rename it to 0004_d.sql", "rename it to 0003_c.sql"]


def test_a_number_too_big_for_the_width_says_so(folder: Write) -> None:
    root = folder({"1_a.sql": "S", "2_b.sql": "S", "10_c.sql": "S"})
    assert remedies(root) == ["number all with 2 digits"]


def test_timestamps_and_gaps_are_numbers_as_well(folder: Write) -> None:
    assert said(folder({"20240131120000_a.sql": "S", "20250131120000_b.sql": "S"})) == []


def test_a_rollback_or_verify_without_a_migration_is_named(folder: Write) -> None:
    root = folder(
        {
            "0001_users.sql": "S",
            "rollback/0001_user.sql": "S",
            "verify/0002_users.sql": "S",
            "verify/0009_other.sql": "S",
        }
    )
    assert [problem[:2] for problem in said(root)] == [
        ("rollback/0001_user.sql", "orphan"),
        ("verify/0002_users.sql", "orphan"),
        ("verify/0009_other.sql", "orphan"),
    ]
    first, second, third = remedies(root)
    assert first == second == "rename it to 0001_users.sql"
    assert "remove" in third


@pytest.mark.parametrize("name", ["Rollback", "rollbacks", "verifiy"])
def test_a_folder_that_was_meant_to_be_read_is_named(folder: Write, name: str) -> None:
    ((place, rule, _),) = said(folder({"0001_a.sql": "S", f"{name}/0001_a.sql": "S"}))
    assert (place, rule) == (name, "name")


def test_a_folder_named_like_a_file_is_named(folder: Write) -> None:
    root = folder({"0001_a.sql/x": ""})
    assert said(root) == [("0001_a.sql", "not-a-file", "a folder with the name of a migration")]


def test_a_pipe_is_not_waited_for(folder: Write) -> None:
    root = folder({})
    os.mkfifo(root / "0001_a.sql")
    assert said(root)[0][:2] == ("0001_a.sql", "not-a-file")


def test_symbolic_links_stay_inside(folder: Write, tmp_path: Path) -> None:
    (tmp_path / "outside.sql").write_text("SELECT 1")
    root = folder({"0001_a.sql": "SELECT 1", "rollback/.keep": ""})
    (root / "0002_out.sql").symlink_to(tmp_path / "outside.sql")
    (root / "0003_broken.sql").symlink_to("nowhere.sql")
    (root / "0004_loop.sql").symlink_to("0004_loop.sql")
    (root / "rollback" / "0001_a.sql").symlink_to("../0001_a.sql")
    (root / "verify").symlink_to(tmp_path)
    assert [problem[:2] for problem in said(root)] == [
        ("0002_out.sql", "symlink"),
        ("0003_broken.sql", "symlink"),
        ("0004_loop.sql", "symlink"),
        ("verify", "symlink"),
    ]
    (only,) = read_folder(root).migrations
    assert only.rollback is not None
    assert only.verify is None


def test_the_folder_itself_may_be_a_link(folder: Write, tmp_path: Path) -> None:
    root = folder({"0001_a.sql": "SELECT 1"})
    (root / "0002_b.sql").symlink_to("0001_a.sql")
    (tmp_path / "link").symlink_to(root)
    assert said(tmp_path / "link") == []


def test_what_may_not_be_read_is_named(open_place: Path, ordinary: Ordinary) -> None:
    (open_place / "0001_a.sql").write_text("SELECT 1")
    (open_place / "0001_a.sql").chmod(0)
    with ordinary():
        ((place, rule, message),) = said(open_place)
    assert (place, rule) == ("0001_a.sql", "unreadable")
    assert "denied" in message
    open_place.chmod(0)
    with ordinary(), pytest.raises(UsageError, match="denied"):
        read_folder(open_place)
    open_place.chmod(0o755)


ENCODINGS = {
    "latin-1": (b"-- a\n-- \xc3\xa4 \xfc\n", "0001_a.sql:2:6", "byte 0xfc at byte 11"),
    "latin-1 behind CRLF": (b"a\r\nb\r\n\xe4", "0001_a.sql:3:1", "byte 0xe4 at byte 6"),
    "cut in the middle": (b"SELECT '\xe2\x82", "0001_a.sql:1:9", "byte 0xe2 at byte 8"),
    "surrogate": (b"\xed\xa0\x80", "0001_a.sql:1:1", "byte 0xed at byte 0"),
    "utf-16": ("SELECT 1".encode("utf-16"), "0001_a.sql", "UTF-16"),
    "utf-16 without a mark": ("SELECT 1".encode("utf-16-be"), "0001_a.sql", "UTF-16"),
    "nul": (b"SELECT 1;\n\xc3\xa4\0 SELECT", "0001_a.sql:2:2", "NUL"),
}


@pytest.mark.parametrize(("content", "place", "what"), ENCODINGS.values(), ids=ENCODINGS)
def test_what_is_not_utf_8_is_named_with_its_place(
    folder: Write, content: bytes, place: str, what: str
) -> None:
    root = folder({"0001_a.sql": content})
    ((found, rule, message),) = said(root)
    assert (found, rule) == (place, "encoding")
    assert what in message
    assert read_folder(root).migrations == ()


def test_line_ends_and_byte_order_marks_change_no_checksum(folder: Write) -> None:
    root = folder(
        {
            "0001_lf.sql": "SELECT 1;\n\nSELECT 'ä';\n",
            "0002_crlf.sql": "SELECT 1;\r\n\r\nSELECT 'ä';\r\n",
            "0003_cr.sql": "SELECT 1;\r\rSELECT 'ä';\r",
            "0004_bom.sql": "\ufeffSELECT 1;\n\nSELECT 'ä';\n",
        }
    )
    scripts = {migration.script.text for migration in read_folder(root).migrations}
    checksums = {migration.script.checksum for migration in read_folder(root).migrations}
    assert scripts == {"SELECT 1;\n\nSELECT 'ä';\n"}
    assert len(checksums) == 1


def test_a_very_large_file_is_refused_unread(folder: Write) -> None:
    root = folder({"0001_a.sql": "SELECT 1", "0002_b.sql": ""})
    os.truncate(root / "0002_b.sql", source.LARGEST + 1)
    ((place, rule, message),) = said(root)
    assert (place, rule) == ("0002_b.sql", "too-large")
    assert "256 MB" in message


def test_a_large_file_is_read_whole(folder: Write) -> None:
    text = "INSERT INTO t VALUES ('ä');\n" * 400_000
    (only,) = read_folder(folder({"0001_a.sql": text})).migrations
    assert only.script.text == text


DIRECTIVES = {
    "all": (
        """/* licence */

  -- talk
--rfdata:no-transaction
-- rfdata: lock-timeout 500ms
--  RFDATA :  statement-timeout  2h
-- rfdata: waive squawk/ban-drop-column: nobody reads it: see 0007
SELECT 1""",
        (False, 0.5, 7200.0, {"squawk/ban-drop-column": "nobody reads it: see 0007"}),
    ),
    "none": ("-- rfdata runs this; rfdata: the tool\nSELECT 1", (True, None, None, {})),
    "commented out": ("/*\n-- rfdata: no-transaction\n*/ SELECT 1", (True, None, None, {})),
    "in a string": ("SELECT '\n-- rfdata: no-transaction\n'", (True, None, None, {})),
    "nothing else": ("-- rfdata: no-transaction", (False, None, None, {})),
}


@pytest.mark.parametrize(("text", "expected"), DIRECTIVES.values(), ids=DIRECTIVES)
def test_directives_stand_in_the_leading_comments(
    folder: Write, text: str, expected: tuple[object, ...]
) -> None:
    root = folder({"0001_a.sql": text})
    assert said(root) == []
    (only,) = read_folder(root).migrations
    asked = only.directives
    assert (
        asked.transaction,
        asked.lock_timeout,
        asked.statement_timeout,
        dict(asked.waived),
    ) == expected


BAD_DIRECTIVES = {
    "no-transactoin": ("no directive 'no-transactoin'", "no-transaction"),
    "lock_timeout 5s": ("no directive 'lock_timeout'", "lock-timeout 5s"),
    "waiver x: y": ("no directive 'waiver'", "waive RULE"),
    "fly": ("no directive 'fly'", "statement-timeout"),
    "": ("empty", "no-transaction"),
    "no-transaction please": ("takes no value", "no-transaction"),
    "lock-timeout": ("lock-timeout: ", "5s"),
    "lock-timeout 5": ("lock-timeout: ", "5s"),
    "lock-timeout 5 parsecs": ("lock-timeout: ", "5s"),
    "statement-timeout 0s": ("no limit", "1ms"),
    "statement-timeout 99d": ("statement-timeout: ", "10min"),
    "waive": ("can't read the waiver", "waive RULE: why"),
    "waive drop-table": ("can't read the waiver", "waive RULE: why"),
    "waive drop-table:": ("without a reason", "waive RULE: why"),
    "waive drop table: old": ("can't read the waiver", "waive RULE: why"),
}


@pytest.mark.parametrize("bad", BAD_DIRECTIVES)
def test_a_bad_directive_is_named_with_a_good_one(folder: Write, bad: str) -> None:
    root = folder({"0001_a.sql": f"-- fine\n  -- rfdata: {bad}\nSELECT 1"})
    ((place, rule, message),) = said(root)
    assert (place, rule) == ("0001_a.sql:2:3", "directive")
    assert BAD_DIRECTIVES[bad][0] in message
    assert BAD_DIRECTIVES[bad][1] in remedies(root)[0]


@pytest.mark.parametrize(
    "twice", ["no-transaction", "lock-timeout 5s", "statement-timeout 5s", "waive a: b"]
)
def test_a_directive_that_is_said_twice_is_named(folder: Write, twice: str) -> None:
    root = folder({"0001_a.sql": f"-- rfdata: {twice}\n-- rfdata: {twice}\n"})
    ((place, _, message),) = said(root)
    assert place == "0001_a.sql:2:1"
    assert "twice" in message


def test_a_directive_without_its_colon_is_named(folder: Write) -> None:
    ((_, _, message),) = said(folder({"0001_a.sql": "-- rfdata no-transaction\n"}))
    assert "colon" in message


def test_a_verify_file_takes_no_directives(folder: Write) -> None:
    root = folder(
        {"0001_a.sql": "S", "verify/0001_a.sql": "-- rfdata: no-transaction\nSELECT true"}
    )
    assert said(root) == [
        ("verify/0001_a.sql", "directive", "a verify file takes no directives"),
    ]


def test_one_bad_file_leaves_the_others_readable(folder: Write) -> None:
    root = folder({"0001_a.sql": b"\xff", "0002_b.sql": "SELECT 2", "Bad.sql": ""})
    assert [migration.name for migration in read_folder(root).migrations] == ["0002_b"]
    assert len(said(root)) == 2
