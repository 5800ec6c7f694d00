"""Whatever is typed, and whatever the files hold: an exit code of the table, never a traceback."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cli.program import call
from tests.e2e import layer

import rfdata
from rfdata.config.load import ENV, TOML
from rfdata.init import Wish, example, init

CODES = (0, 1, 2, 3, 4, 130)

NOUNS = ("verify", "report", "status", "attest", "waive", "checks", "evidence", "certs", "doctor")
LATER = ("migrate", "backup", "restore", "drill", "render", "serve")
OPTIONS = (
    *("--line", "--section", "--check", "--by", "--note", "--days", "--last", "--server"),
    *("--format", "--out", "--help", "--version", "--plan", "-v", "-y", "--", "-", "-C"),
)
VALUES = (
    *("json", "text", "html", "list", "show", "renew", "9.26", "2.1", "9", "0", "-1", "1e999"),
    *("postgres.checksums", "postgres", "", " ", "\n", "\x1b[2J", "/dev/null", "..", "ü", "\udcff"),
)
WORDS = st.one_of(st.sampled_from((*NOUNS, *LATER, *OPTIONS, *VALUES)), st.text(max_size=8))
"""Nothing among them starts a server: `up` needs --yes or a terminal, and is not even there."""

HARMFUL = {"up", "init", "runtime", "install", "agent"}


@settings(max_examples=150)
@given(words=st.lists(WORDS, max_size=6).filter(lambda words: not HARMFUL & set(words)))
def test_any_words_give_an_exit_code_of_the_table(words: list[str]) -> None:
    """In a folder that holds nothing; a word that is a relative path ends in it, too."""
    with tempfile.TemporaryDirectory(prefix="rfdata-words-") as folder:
        kept = [
            str(Path(folder, word)) if after == "--out" else word for after, word in pairs(words)
        ]
        assert call("-C", folder, *kept, code=None).code in CODES


def pairs(words: list[str]) -> list[tuple[str, str]]:
    """Each word with the one before it."""
    return list(zip(["", *words], words, strict=False))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("any") / "deployment"
    init(directory, Wish(target="external"), lambda server, usual: usual)
    return directory


EXTERNAL = '[deployment]\ntarget = "external"\n'
TEXTS = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=200).map(lambda text: text.encode(errors="surrogatepass")),
    st.text(max_size=60).map(lambda text: (EXTERNAL + text).encode(errors="surrogatepass")),
)


def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """The file with some bytes of it replaced by others."""
    start = draw(st.integers(0, len(whole)))
    length = draw(st.integers(0, 20))
    return whole[:start] + draw(st.binary(max_size=20)) + whole[start + length :]


@st.composite
def settings_files(draw: st.DrawFn) -> bytes:
    return draw(TEXTS) if draw(st.booleans()) else damaged(draw, example().encode())


@st.composite
def secrets_files(draw: st.DrawFn) -> bytes:
    whole = (
        b"DATABASE_URL='postgresql://u:p@127.0.0.1:1/d'\nREDIS_URL='rediss://:p@127.0.0.1:1/0'\n"
    )
    return draw(TEXTS) if draw(st.booleans()) else damaged(draw, whole)


QUIET = (("evidence", "verify"), ("report",), ("attest", "9.26", "--by", "A", "--note", "b"))


@settings(max_examples=100)
@given(toml=settings_files(), env=secrets_files(), verb=st.sampled_from(QUIET))
def test_any_bytes_in_both_files_give_an_exit_code_of_the_table(
    folder: Path, toml: bytes, env: bytes, verb: tuple[str, ...]
) -> None:
    (folder / TOML).write_bytes(toml)
    (folder / ENV).write_bytes(env)
    assert call("-C", folder, *verb, code=None).code in CODES


@settings(max_examples=30)
@given(url=st.text(max_size=40), redis=st.text(max_size=40))
def test_any_urls_of_someone_elses_servers_give_an_exit_code_of_the_table(
    folder: Path, url: str, redis: str
) -> None:
    """Port 1 of this machine answers nobody, so that every reading is refused at once."""
    (folder / TOML).write_text(EXTERNAL + '[verify]\nfact_timeout = "500ms"\n')
    values = {
        "DATABASE_URL": f"postgresql://127.0.0.1:1/{url}",
        "REDIS_URL": f"rediss://127.0.0.1:1/{redis}",
    }
    text = "".join(f"{name}='{value}'\n" for name, value in values.items())
    (folder / ENV).write_bytes(text.encode(errors="surrogatepass"))
    for verb in (("verify", "--format", "json"), ("status",), ("plan",), ("up", "--yes")):
        assert call("-C", folder, *verb, code=None).code in (2, 3)


def test_the_version_is_the_packages() -> None:
    assert call("--version", code=0).out == f"rfdata {rfdata.__version__}\n"


def test_it_starts_without_anything_heavy() -> None:
    """The same through the real program; `--help` loads no server client and no cryptography."""
    assert layer.call("--version").out == f"rfdata {rfdata.__version__}\n"
    shown = layer.call("--help", env={"PYTHONPROFILEIMPORTTIME": "1"}).err
    loaded = {line.rpartition("|")[2].strip() for line in shown.splitlines()}
    assert "rfdata.cli.main" in loaded
    assert (
        loaded & {"psycopg", "redis", "pydantic", "cryptography", "jinja2", "rich.console"} == set()
    )
