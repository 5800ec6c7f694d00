"""No command line and no rfdata.toml whatever gives anything but an exit code and a sentence."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.e2e.layer import Deployment

from rfdata.cli.main import run
from rfdata.init import example as shipped_example

CODES = (0, 1, 2, 3, 4)
QUIET = settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60)


def calls(arguments: list[str]) -> tuple[int, str]:
    """Exit code and everything that was said. Nobody is there to answer a question."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(arguments)
    said = out.getvalue() + err.getvalue()
    assert type(code) is int
    assert code in CODES, arguments
    assert "Traceback" not in said
    assert "defect of rfdata" not in said, (arguments, said)
    assert code in (0, 1, 3) or err.getvalue().strip(), "refused without a word"
    return code, said


@pytest.fixture(scope="module")
def place(template: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A deployment whose files may be anything; our own process must not keep what `run` sets."""
    folder = tmp_path_factory.mktemp("fuzz") / "deployment"
    shutil.copytree(template.directory, folder)
    umask = os.umask(0o077)
    with (
        pytest.MonkeyPatch.context() as patch,
        open(os.devnull, encoding="utf-8") as nobody,
        chdir(folder),
    ):
        patch.setattr("sys.stdin", nobody)
        yield folder
    os.umask(umask)


# --- command lines

VERBS = (
    *("init", "plan", "up", "down", "status", "doctor", "verify", "report", "attest", "waive"),
    *("checks", "list", "show", "evidence", "certs", "renew", "runtime"),
    *("migrate", "backup", "restore", "drill", "render", "serve"),
)
OPTIONS = (
    *("--help", "--version", "--format", "--format=json", "--out", "--plan", "--line", "--section"),
    *("--check", "--by", "--note", "--days", "--profile", "--target", "--name", "--server"),
    *("--postgres-port", "--redis-port", "--redis-durable-port", "--force", "--example", "--last"),
    *("-v", "--verbose", "--", "-x"),
)
VALUES = (
    *("json", "text", "html", "2.6", "9", "postgres.checksums", "dev", "prod", "native"),
    *("external", "0", "-1", "5432", "99999999999"),
)
words = st.one_of(
    st.sampled_from(VERBS),
    st.sampled_from(OPTIONS),
    st.sampled_from(VALUES),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/"), max_size=12),
)


def harmless(arguments: list[str]) -> bool:
    """It asks before it changes anything, installs nothing, and stays in its folder."""
    risky = {"-y", "--yes", "install", "agent", "-C", "--install-completion", "--show-completion"}
    return not any(
        word in risky or word.startswith(("-C", "-y", "--ye", "--in", "--sh")) for word in arguments
    )


@QUIET
@given(arguments=st.lists(words, max_size=7).filter(harmless))
@example(arguments=["verify", "--line"])
@example(arguments=["checks", "show", "\x00"])
@example(arguments=["attest", "1e9.1", "--by=a", "--note=b"])
@example(arguments=["evidence", "list", "--last", "99999999999999999999999"])
@example(arguments=["init", "--name=\udcff", "--postgres-port=1"])
def test_any_command_line_ends_with_a_code_and_a_sentence(
    place: Path, arguments: list[str]
) -> None:
    calls(["-C", str(place), *arguments])


@QUIET
@given(verb=st.sampled_from(VERBS), rest=st.lists(words, max_size=4).filter(harmless))
def test_any_verb_takes_any_words(place: Path, verb: str, rest: list[str]) -> None:
    calls(["-C", str(place), verb, *rest])


# --- rfdata.toml

scalars: st.SearchStrategy[Any] = st.one_of(
    st.booleans(),
    st.integers(),
    st.integers(-1, 70_000),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["1MB", "0ms", "10GB", "5s", "localhost", "127.0.0.1", "::1", "0.0.0.0/0", "/x"]
    ),
)
values = st.one_of(scalars, st.lists(scalars, max_size=3))
LINES = [
    (number, line.partition(" = ")[0])
    for number, line in enumerate(shipped_example().splitlines())
    if " = " in line and not line.startswith("#")
]


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, str):
        return json.dumps(value).replace("\x7f", "\\u007f")
    return str(value).lower() if isinstance(value, bool | float) else str(value)


def with_changes(changes: dict[tuple[int, str], Any], ports: tuple[int, int, int]) -> str:
    lines = shipped_example().splitlines()
    for (number, key), value in changes.items():
        lines[number] = f"{key} = {toml(value)}"
    text = "\n".join(lines) + "\n"
    for usual, ours in zip((5432, 6379, 6380), ports, strict=True):
        text = text.replace(f"port = {usual}\n", f"port = {ours}\n")
    return text


LOOKING = (
    "plan",
    "verify",
    "status",
    "up",
    "down",
    "doctor",
    "report",
    "certs show",
    "certs renew",
)


def looked_at(place: Path, verb: str) -> None:
    calls(["-C", str(place), *verb.split()])
    assert not list(place.rglob("*.rfdata-new"))


@QUIET
@given(
    verb=st.sampled_from(LOOKING),
    changes=st.dictionaries(st.sampled_from(LINES), values, min_size=1, max_size=3),
)
def test_any_value_of_any_setting_is_taken_or_refused(
    place: Path, template: Deployment, verb: str, changes: dict[tuple[int, str], Any]
) -> None:
    ports = template.ports
    text = with_changes(changes, (ports.postgres, ports.redis, ports.redis_durable))
    (place / "rfdata.toml").write_text(text, encoding="utf-8", errors="surrogatepass")
    looked_at(place, verb)


@QUIET
@given(verb=st.sampled_from(LOOKING), content=st.binary(max_size=200))
def test_any_bytes_as_rfdata_toml_are_taken_or_refused(
    place: Path, verb: str, content: bytes
) -> None:
    (place / "rfdata.toml").write_bytes(b'[deployment]\nname = "fuzz"\n' + content)
    looked_at(place, verb)


@QUIET
@given(verb=st.sampled_from(LOOKING), content=st.binary(max_size=200))
def test_any_bytes_in_env_are_taken_or_refused(
    place: Path, template: Deployment, verb: str, content: bytes
) -> None:
    shutil.copy2(template.toml, place / "rfdata.toml")
    env = place / ".env"
    kept = template.env_file.read_bytes()
    try:
        env.write_bytes(kept + content)
        code, said = calls(["-C", str(place), *verb.split()])
        shown = [name for name, secret in template.secrets.items() if secret in said]
        assert shown == [], code
    finally:
        env.write_bytes(kept)


@QUIET
@given(verb=st.sampled_from(LOOKING), content=st.binary(max_size=300))
def test_any_bytes_as_evidence_are_taken_or_refused(
    place: Path, template: Deployment, verb: str, content: bytes
) -> None:
    shutil.copy2(template.toml, place / "rfdata.toml")
    folder = place / "evidence"
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        (folder / "evidence.jsonl").write_bytes(content)
        looked_at(place, verb)
    finally:
        shutil.rmtree(folder)
