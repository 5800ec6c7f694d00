"""Whatever a person gets wrong: exit 2, what and where, what to do, no traceback, nothing changed."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from tests.cli.program import call, untouched
from tests.e2e import layer

from rfdata.config.load import ENV, TOML
from rfdata.init import Wish, init, set_value
from rfdata.targets.native import ports

Deploy = Callable[..., Path]
Ordinary = Callable[[], AbstractContextManager[None]]

SAY = ("--by", "Ada Lovelace", "--note", "looked")
READERS = (
    ("plan",),
    ("status",),
    ("verify",),
    ("report",),
    ("certs", "show"),
    ("evidence", "verify"),
    ("evidence", "list"),
)
CHANGERS = (
    ("up", "--yes"),
    ("down", "--yes"),
    ("certs", "renew"),
    ("attest", "9.26", *SAY),
    ("waive", "8.1", *SAY),
    ("agent",),
)
EVERY_VERB = READERS + CHANGERS


def refused(directory: Path, *names: str, verbs: tuple[tuple[str, ...], ...] = EVERY_VERB) -> None:
    """Each of these verbs refuses with these words, and leaves every file as it was."""
    for verb in verbs:
        with untouched(directory):
            said = call("-C", directory, *verb)
        for name in names:
            assert name in said.err, said
        assert said.out == "", said


# --- rfdata.toml

SETTINGS = {
    "an unknown key": ("[postgres]\nshared_bufers = '1GB'\n", "postgres.shared_bufers"),
    "an unknown section": ("[postgers]\n", "postgers"),
    "a number for a text": ("[postgres]\nhost = 7\n", "postgres.host"),
    "a text for a number": ("[redis]\nport = 'six'\n", "redis.port"),
    "a bare number for a size": ("[redis]\nmaxmemory = 100\n", "redis.maxmemory"),
    "a value for a section": ("redis = 1\n", "redis"),
    "a port that there is not": ("[redis_durable]\nport = 65536\n", "redis_durable.port"),
    "the same port twice": ("[redis]\nport = 5432\n", "postgres.port, redis.port"),
    "more buffers than memory": (
        "[postgres]\nshared_buffers = '9GB'\n",
        "postgres.shared_buffers (9GB) is more than half of postgres.limits.memory (8GB)",
    ),
    "more cache than memory": (
        "[postgres]\neffective_cache_size = '9GB'\n",
        "postgres.effective_cache_size",
    ),
    "more keys than memory": ("[redis]\nmaxmemory = '1536MB'\n", "redis.maxmemory"),
    "more reserved than allowed": (
        "[redis.limits]\nmemory_reservation = '2GB'\n",
        "redis.limits",
    ),
    "an address in brackets": ("[postgres]\nhost = '[::1]'\n", "without brackets"),
    "a listener in brackets": ("[redis]\nlisten_addresses = ['[::1]']\n", "redis.listen_addresses"),
    "a network that is none": ("[postgres]\nnetworks = ['10.0.0.1/8']\n", "postgres.networks"),
    "a control character": ('[native]\nstate = "/a\\nb"\n', "native.state"),
    "a certificate for ever": ("[tls]\ncertificate_days = 826\n", "tls.certificate_days"),
    "a target to come": ("[deployment]\ntarget = 'compose'\n", "deployment.target"),
    "half a line": ("[postgres\n", "line 1"),
    "an escape sequence": ('"\\u001b[31m" = 1\n', "no such key"),
    "no text at all": ("\0", "not valid TOML"),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_an_impossible_setting_is_refused_by_file_and_key(deploy: Deploy, case: str) -> None:
    directory = deploy()
    text, expected = SETTINGS[case]
    (directory / TOML).write_text(text)
    refused(directory, str(directory / TOML), expected)


def test_what_is_wrong_is_shown_without_its_escape_sequences(deploy: Deploy) -> None:
    directory = deploy()
    (directory / TOML).write_text('"\\u001b[31m" = 1\n')
    assert "\x1b" not in call("-C", directory, "verify").said


@pytest.mark.parametrize("key", ["host", "listen_addresses"])
def test_an_ipv6_address_without_brackets_is_fine(deploy: Deploy, key: str) -> None:
    directory = deploy()
    value = '"::1"' if key == "host" else '["::1"]'
    text = (directory / TOML).read_text()
    changed = re.sub(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.M)
    assert changed.count("::1") > text.count("::1")
    (directory / TOML).write_text(changed)
    assert "0 records" in call("-C", directory, "evidence", "verify", code=0).out


def test_a_privileged_port_is_refused(deploy: Deploy, tmp_path: Path) -> None:
    """Also for root: the servers run as users of their own."""
    lowest = ports.first_allowed()
    if lowest <= 1:
        pytest.skip("this system lets everyone listen on every port")
    directory, port = deploy(), str(lowest - 1)
    text = set_value((directory / TOML).read_text(), "redis", "port", port)
    (directory / TOML).write_text(text)
    for verb in (("plan",), ("up", "--yes")):
        with untouched(directory, locks=(".lock",)):
            said = call("-C", directory, *verb)
        assert f"redis.port: {port}" in said.err
        assert f"from {lowest} up" in said.err
    fresh = tmp_path / "fresh"
    said = call("-C", fresh, "init", f"--redis-port={port}")
    assert f"port {port} (redis)" in said.err
    assert not fresh.exists()


# --- .env

Damage = Callable[[Path], object]


def append(text: str) -> Damage:
    def write(path: Path) -> None:
        with path.open("a") as stream:
            stream.write(text)

    return write


def replace(pattern: str, by: str) -> Damage:
    return lambda path: path.write_text(re.sub(pattern, by, path.read_text(), flags=re.M))


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


SECRETS: dict[str, tuple[Damage, tuple[str, ...]]] = {
    "missing": (lambda path: path.unlink(), ("is missing", "rfdata init")),
    "readable by all": (lambda path: path.chmod(0o644), ("0644", "chmod 600")),
    "readable by the group": (lambda path: path.chmod(0o640), ("0640", "chmod 600")),
    "a folder": (make_folder, ("is a folder",)),
    "a password over two lines": (
        replace(r"^(REDIS_PASSWORD)=.*", r"\1='one\ntwo'"),
        ("REDIS_PASSWORD", "line "),
    ),
    "a password with a return": (
        replace(r"^(REDIS_PASSWORD)=.*", "\\1='one\rtwo'"),
        ("REDIS_PASSWORD", "control character"),
    ),
    "a password left empty": (
        replace(r"^(POSTGRES_BACKUP_PASSWORD)=.*", r"\1="),
        ("POSTGRES_BACKUP_PASSWORD", "rfdata init"),
    ),
    "a password twice": (append("REDIS_PASSWORD=other\n"), ("REDIS_PASSWORD is set twice",)),
    "not variables": (append("hello\n"), ("NAME=value",)),
    "not text": (lambda path: path.write_bytes(b"\xff\xfe"), ("not UTF-8",)),
}


@pytest.mark.parametrize("case", SECRETS)
def test_bad_secrets_are_refused_and_never_shown(deploy: Deploy, case: str) -> None:
    directory = deploy()
    damage, expected = SECRETS[case]
    secret = re.search(r"^REDIS_PASSWORD=(.*)$", (directory / ENV).read_text(), re.M)
    assert secret
    damage(directory / ENV)
    refused(directory, str(directory / ENV), *expected)
    assert secret[1] not in call("-C", directory, "verify").said


# --- the directory


def test_what_is_no_deployment_is_named_with_what_makes_one(tmp_path: Path) -> None:
    refused(tmp_path, str(tmp_path / TOML), "is missing", "rfdata init")
    refused(tmp_path / "nowhere", "nowhere", "rfdata init")
    file = tmp_path / "file"
    file.touch()
    refused(file, f"{file} is not a folder", "-C")
    with untouched(tmp_path):
        assert f"{file} is not a folder" in call("-C", file, "init").err


@pytest.mark.parametrize("left", [(TOML,), (ENV,), (".gitignore",), (TOML, ".gitignore")])
def test_a_half_finished_init_is_named_and_the_next_one_completes_it(
    deploy: Deploy, left: tuple[str, ...]
) -> None:
    directory = deploy()
    for path in sorted(directory.iterdir()):
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in left:
            path.unlink()
    missing = ENV if TOML in left else TOML
    refused(directory, f"{directory / missing} is missing", "rfdata init")
    call("-C", directory, "init", code=0)
    assert "0 records" in call("-C", directory, "evidence", "verify", code=0).out
    for name in (TOML, ENV, ".env.example", ".env.production.template", "certs", "migrations"):
        assert (directory / name).exists()


FILES = ("certs", "migrations", TOML, ENV, ".env.example", ".gitignore")


@pytest.mark.parametrize("name", FILES)
def test_init_names_what_stands_in_the_place_of_a_file_or_folder(tmp_path: Path, name: str) -> None:
    directory = tmp_path / "deployment"
    directory.mkdir()
    if name in ("certs", "migrations"):
        (directory / name).touch()
    else:
        (directory / name).mkdir()
    with untouched(tmp_path):
        assert str(directory / name) in call("-C", directory, "init").err


def test_a_file_where_the_evidence_should_be_is_named(deploy: Deploy) -> None:
    directory = deploy()
    (directory / "evidence").touch()
    verbs = (
        *(v for v in READERS if v != ("plan",)),
        ("attest", "9.26", *SAY),
        ("waive", "8.1", *SAY),
    )
    refused(directory, str(directory / "evidence"), verbs=verbs)


def test_a_folder_where_the_lock_should_be_is_named(deploy: Deploy) -> None:
    directory = deploy()
    (directory / ".lock").mkdir()
    refused(directory, str(directory / ".lock"), verbs=(("up", "--yes"), ("down", "--yes")))


@pytest.mark.parametrize("name", [TOML, ENV])
def test_a_file_that_we_may_not_read_is_named(
    open_place: Path, ordinary: Ordinary, name: str
) -> None:
    directory = open_place / "deployment"
    init(directory, Wish(), lambda server, usual: usual)
    for path in directory.iterdir():
        if path.name != ENV:
            path.chmod(0o755 if path.is_dir() else 0o644)
    root = os.geteuid() == 0
    (directory / name).chmod(0o600 if root else 0)
    before = layer.tree(directory, leave_out=()) if root else {}
    with ordinary():
        for verb in EVERY_VERB:
            said = call("-C", directory, *verb)
            assert f"{directory / name}: not allowed to read it" in said.err, said
    (directory / name).chmod(0o600)
    assert not root or layer.tree(directory, leave_out=()) == before


def test_evidence_that_we_may_not_read_is_named(open_place: Path, ordinary: Ordinary) -> None:
    open_place.chmod(0o777)
    with ordinary():
        directory = open_place / "deployment"
        init(directory, Wish(), lambda server, usual: usual)
        call("-C", directory, "attest", "9.26", *SAY, code=0)
        (directory / "evidence").chmod(0)
        try:
            for verb in (("verify",), ("report",), ("evidence", "verify"), ("waive", "8.1", *SAY)):
                assert str(directory / "evidence") in call("-C", directory, *verb).err
        finally:
            (directory / "evidence").chmod(0o700)


# --- evidence

TAMPERED: dict[str, Callable[[list[str]], list[str]]] = {
    "altered": lambda lines: [lines[0], lines[1].replace("looked", "LOOKED"), *lines[2:]],
    "removed": lambda lines: [lines[0], *lines[2:]],
    "removed from the end": lambda lines: lines[:-1],
    "swapped": lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
    "no record": lambda lines: [*lines, "x"],
    "emptied": lambda lines: [],
}


@pytest.mark.parametrize("case", TAMPERED)
def test_a_corrupt_evidence_log_is_refused_and_kept_as_it_is(deploy: Deploy, case: str) -> None:
    directory = deploy()
    for _ in range(3):
        call("-C", directory, "attest", "9.26", *SAY, code=0)
    log = directory / "evidence" / "evidence.jsonl"
    lines = TAMPERED[case](log.read_text().splitlines())
    log.write_text("".join(f"{line}\n" for line in lines))
    verbs: tuple[tuple[str, ...], ...] = (
        ("status",),
        ("verify",),
        ("report",),
        ("evidence", "list"),
        ("attest", "9.26", *SAY),
        ("waive", "8.1", *SAY),
    )
    if case in ("altered", "removed"):  # what only looks at the end does not come across it
        verbs = (("status",), ("verify",))
    refused(directory, str(log), "`rfdata evidence verify`", verbs=verbs)
    with untouched(directory):
        said = call("-C", directory, "evidence", "verify", code=1)
    assert re.search(r"^line \d+: ", said.out, re.M), said


# --- options

TYPED: dict[tuple[str, ...], tuple[str, ...]] = {
    ("nosuch",): ("nosuch",),
    ("verify", "--line", "99.1"): ("there is no line 99.1",),
    ("verify", "--line", "9.1.1"): ("there is no line 9.1.1",),
    ("verify", "--section", "1"): ("there is no section 1",),
    ("verify", "--section", "x"): ("--section",),
    ("verify", "--check", "postgres.checksum"): ("postgres.checksums",),
    ("verify", "--format", "xml"): ("--format", "xml", "json"),
    ("verify", "--formt", "json"): ("--formt",),
    ("report", "--format", "pdf"): ("pdf", "markdown"),
    ("report",): ("nothing has been verified yet", "rfdata verify"),
    ("certs", "renew", "--server", "mysql"): ("mysql", "redis-durable"),
    ("checks", "show", "nope"): ("nope", "rfdata checks list"),
    ("attest", "2.1", *SAY): ("2.1", "rfdata waive"),
    ("attest", "99.9", *SAY): ("99.9",),
    ("waive", "99.9", *SAY): ("99.9",),
    ("attest", "9.26", "--by", "Ada"): ("--note",),
    ("attest", "9.26", "--by", "", "--note", "x"): ("--by is empty",),
    ("attest", "9.26", "--by", " \t", "--note", "x"): ("--by is empty",),
    ("waive", "8.1", "--by", "Ada", "--note", " "): ("--note is empty",),
    ("attest", "9.26", "--by", "A\nB", "--note", "x"): ("--by", "one line"),
    ("attest", "9.26", "--by", "A", "--note", "\x1b[31mred"): ("--note", "one line"),
    ("attest", "9.26", "--by", "\udcff", "--note", "x"): ("--by",),
    ("attest", "9.26", *SAY, "--days", "-1"): ("--days -1", "366"),
    ("attest", "9.26", *SAY, "--days", "367"): ("--days 367", "366"),
    ("waive", "8.1", *SAY, "--days", "0"): ("--days 0", "366"),
    ("waive", "8.1", *SAY, "--days", "9" * 30): ("--days", "366"),
    ("waive", "8.1", *SAY, "--days", "soon"): ("--days",),
    ("evidence", "list", "--last", "0"): ("--last",),
    ("plan", "--out", "nowhere/plan.json"): ("--out nowhere/plan.json", "no folder"),
    ("plan", "--out", "/proc"): ("--out /proc is a folder",),
    ("report", "--out", "nowhere/report"): ("--out nowhere/report", "no folder"),
    ("report", "--out", "/dev/null/report"): ("/dev/null",),
    ("up", "--plan", "nowhere.json"): ("nowhere.json", "rfdata plan --out"),
    ("down",): ("--yes",),
    ("up",): ("--yes",),
    ("init", "--postgres-port", "99999"): ("99999", "65535"),
    ("init", "--redis-port", "-1"): ("-1", "65535"),
    ("up", "--yes", "now"): ("now",),
}


@pytest.mark.parametrize("words", TYPED, ids=lambda words: " ".join(words)[:40])
def test_a_slip_at_the_keyboard_is_named_and_changes_nothing(
    deploy: Deploy, words: tuple[str, ...]
) -> None:
    directory = deploy()
    (directory / ".lock").touch(mode=0o600)
    before = layer.tree(directory)
    said = call("-C", directory, *words)
    for expected in TYPED[words]:
        assert expected in said.err, said
    assert layer.tree(directory) == before


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--name", "Großes", "deployment.name"),
        ("--name", "", "deployment.name"),
        ("--profile", "staging", "deployment.profile"),
        ("--target", "compose", "deployment.target"),
        ("--target", 'x"\n[native]\nstate="/etc', "deployment.target"),
    ],
)
def test_a_wish_that_init_can_not_grant_leaves_nothing(
    tmp_path: Path, option: str, value: str, expected: str
) -> None:
    assert expected in call("-C", tmp_path / "new", "init", option, value).err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "garbage", "{}", "[1]", '{"digest": null}', "\0"])
def test_a_plan_that_is_none_is_refused(deploy: Deploy, tmp_path: Path, content: str) -> None:
    """There is a lot to do in a fresh deployment: this plan isn't what has to be done."""
    directory, kept = deploy(), tmp_path / "plan.json"
    kept.write_text(content)
    before = layer.tree(directory)
    assert str(kept) in call("-C", directory, "up", "--plan", kept).err
    assert layer.tree(directory) == before


def test_while_somebody_else_is_at_work_nothing_is_done(deploy: Deploy) -> None:
    """The one at work is another open file, as another process has it."""
    directory = deploy()
    with (directory / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write("rfdata up (process 4711)")
        held.flush()
        verbs = (("up", "--yes"), ("down", "--yes"), ("certs", "renew"))
        refused(directory, "rfdata up (process 4711) is at work here", "wait", verbs=verbs)


def test_a_busy_port_is_named_with_its_holder(tmp_path: Path) -> None:
    mine = layer.reserve_ports()
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", mine.spare))
        busy.listen()
        said = call("-C", tmp_path / "new", "init", f"--postgres-port={mine.spare}")
    assert f"port {mine.spare} (postgres) is busy" in said.err
    assert f"(process {os.getpid()})" in said.err
    assert not (tmp_path / "new").exists()


# --- verbs to come, and help


PENDING = ("backup", "restore", "drill", "render", "serve")


@pytest.mark.parametrize("verb", PENDING)
def test_a_verb_to_come_says_so_and_does_nothing(tmp_path: Path, verb: str) -> None:
    for more in ((), ("up", "--now"), ("--format", "json")):
        with untouched(tmp_path):
            said = call("-C", tmp_path, verb, *more)
        assert "pending" in said.err
        assert "nothing was done" in said.err


VERBS = (
    (),
    *((verb,) for verb in ("init", "plan", "up", "down", "status", "doctor", "agent")),
    *((verb,) for verb in ("verify", "report", "attest", "waive", *PENDING)),
    *((group,) for group in ("checks", "evidence", "certs", "runtime")),
    *(("checks", each) for each in ("list", "show")),
    *(("evidence", each) for each in ("verify", "list")),
    *(("certs", each) for each in ("show", "renew")),
    *(("runtime", each) for each in ("install", "show")),
)


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_help_shows_how_it_is_used(verb: tuple[str, ...]) -> None:
    said = call(*verb, "--help", code=0)
    assert said.out.startswith("Usage: rfdata")
    if verb != ("agent",):  # for `up`, not for people
        assert "Example: rfdata" in said.out


@pytest.mark.parametrize("group", [(), ("checks",), ("evidence",), ("certs",), ("runtime",)])
def test_without_a_verb_the_help_is_shown(group: tuple[str, ...]) -> None:
    assert call(*group).err.startswith("Usage: rfdata")


# --- servers that are not there

LIVE = re.compile(r"(postgres|redis|redis-durable|probe)\.|tls\..*_(live|protocol|chain)$")


def test_without_servers_verify_ends_with_3_and_nothing_live_passes(tmp_path: Path) -> None:
    with layer.deployment(tmp_path / "deployment") as found:
        report = found.verify(code=3)
        lines, checks = layer.outcomes(report)
        assert {
            id for id, outcome in checks.items() if LIVE.match(id) and outcome == "pass"
        } == set()
        wrong = {
            line["id"]
            for line in report["lines"]
            if line["outcome"] == "pass" and any(LIVE.match(id) for id in line["decided_by"])
        }
        assert wrong == set()
        assert set(lines.values()) >= {"unknown", "fail", "pending"}
        assert "stopped" in found.rfdata("status", code=3).out
