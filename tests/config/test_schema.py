"""The schema against the shipped example, against what can't be, and against whatever Hypothesis writes."""

from __future__ import annotations

import datetime
import json
import math
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from rfdata.config.load import parse_settings
from rfdata.config.schema import Settings
from rfdata.errors import UsageError
from rfdata.init import example

TOML = Path("/srv/deployment/rfdata.toml")


def parse(text: str) -> Settings:
    return parse_settings(text, TOML)


def refusal(text: str) -> UsageError:
    with pytest.raises(UsageError) as raised:
        parse(text)
    assert raised.value.exit_code == 2
    assert raised.value.hint
    assert all(line.startswith(f"{TOML}: ") for line in raised.value.message.splitlines())
    return raised.value


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from keys_of(inner, f"{prefix}{name}.")
        else:
            yield prefix + name


def keys_in(table: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, dict) and value:
            yield from keys_in(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_the_shipped_example_is_the_defaults() -> None:
    assert parse(example()) == Settings()
    assert parse("") == Settings()


def test_the_example_shows_every_key_and_no_other() -> None:
    assert set(keys_in(tomllib.loads(example()))) == set(keys_of(Settings))


@pytest.mark.parametrize("key", sorted(set(keys_of(Settings)) - {"postgres.settings"}))
def test_a_key_that_is_left_out_has_its_default(key: str) -> None:
    raw = tomllib.loads(example())
    *sections, name = key.split(".")
    table = raw
    for section in sections:
        table = table[section]
    del table[name]
    assert parse(dump(raw)) == Settings()


@pytest.mark.parametrize("key", sorted(keys_of(Settings)))
def test_every_key_refuses_what_it_can_not_be_and_says_which(key: str) -> None:
    *sections, name = key.split(".")
    for value in ("1979-05-27", "{ a = [1] }", "[[1]]", '"\\u0000"', "nan"):
        error = refusal(f"[{'.'.join(sections)}]\n{name} = {value}\n")
        assert f"{TOML}: {key}" in error.message, value


@pytest.mark.parametrize(
    "section", ["", *sorted({key.rpartition(".")[0] for key in keys_of(Settings)})]
)
def test_an_unknown_key_is_refused_by_its_path(section: str) -> None:
    path = f"{section}.colour" if section else "colour"
    head = f"[{section}]\n" if section else ""
    assert refusal(f"{head}colour = 1\n").message == f"{TOML}: {path}: no such key"


def test_every_mistake_is_named_at_once() -> None:
    error = refusal('[redis]\nport = "x"\ncolour = 1\n[tls]\nca_days = 0\n')
    assert len(error.message.splitlines()) == 3


IMPOSSIBLE = [
    ('[postgres]\nshared_buffers = "5GB"', "postgres.shared_buffers (5GB) is more than half of"),
    ('[postgres]\nshared_buffers = "16GB"', "postgres.shared_buffers (16GB) is more than half of"),
    ('[postgres]\nshared_buffers = "64kB"', "postgres.shared_buffers: between 128kB and 8191GB"),
    ('[postgres]\neffective_cache_size = "9GB"', "postgres.effective_cache_size is larger than"),
    (
        "[postgres]\nshared_buffers = 256",
        'shared_buffers: a size needs its unit: B, kB, MB, GB or TB, for example "256MB"',
    ),
    ('[postgres]\nshared_buffers = "-1MB"', "postgres.shared_buffers: '-1MB' is not a size"),
    ('[postgres]\nlock_timeout = "0.5ms"', "postgres.lock_timeout: in whole milliseconds"),
    ('[postgres]\nstatement_timeout = "25d"', "postgres.statement_timeout: at most 24 days"),
    ("[postgres]\nmax_connections = 5", "postgres.max_connections: Input should be greater than"),
    (
        "[postgres]\nmax_connections = true",
        "postgres.max_connections: Input should be a valid integer",
    ),
    (f"[postgres]\nmax_connections = {'9' * 400}", "postgres.max_connections: Input should be"),
    (
        "[postgres]\ncheckpoint_completion_target = nan",
        "checkpoint_completion_target: Input should be a finite",
    ),
    (
        "[postgres]\ncheckpoint_completion_target = -inf",
        "checkpoint_completion_target: Input should be a finite",
    ),
    ("[postgres]\nport = 0", "postgres.port: Input should be greater than"),
    ("[postgres]\nport = 65536", "postgres.port: Input should be less than"),
    ("[postgres]\nport = 5432.0", "postgres.port: Input should be a valid integer"),
    ("[postgres]\nport = 6379", "postgres.port, redis.port and redis_durable.port must differ"),
    (
        '[postgres]\nhost = "[::1]"',
        "postgres.host: write an IPv6 address without brackets, for example ::1",
    ),
    (
        '[postgres]\nhost = "db.example.org:5432"',
        "postgres.host: 'db.example.org:5432' does not appear",
    ),
    (
        '[postgres]\nhost = "127.1"',
        "postgres.host: '127.1' does not appear to be an IPv4 or IPv6 address",
    ),
    ('[postgres]\nhost = "fe80::1%eth0"', "postgres.host: write the address without a zone"),
    ('[postgres]\nhost = ""', "postgres.host: write a host name or an IP address"),
    ('[postgres]\nhost = "a\\nb"', "postgres.host: write a host name"),
    (
        '[postgres]\nlisten_addresses = ["localhost"]',
        "postgres.listen_addresses.0: 'localhost' does not",
    ),
    (
        '[postgres]\nlisten_addresses = ["::1", "::1%\\nx"]',
        "listen_addresses.1: write the address without",
    ),
    ("[postgres]\nlisten_addresses = []", "postgres.listen_addresses: write at least one"),
    (
        '[redis]\nlisten_addresses = ["::1", "::1"]',
        "redis.listen_addresses: one of them is there twice",
    ),
    ('[postgres]\nnetworks = ["10.0.0.1/8"]', "postgres.networks.0: 10.0.0.1/8 has host bits set"),
    (
        '[postgres]\nnetworks = ["::1/128", "10.0.0.0/33"]',
        "postgres.networks.1: '10.0.0.0/33' does not",
    ),
    ('[postgres]\nnetworks = ["all"]', "postgres.networks.0: 'all' does not appear to be"),
    (
        '[postgres]\ndatabase = "Research"',
        "postgres.database: use lower-case letters, digits and _",
    ),
    (f'[postgres]\nuser = "{"a" * 64}"', "postgres.user: use lower-case letters"),
    ('[postgres]\nuser = "müller"', "postgres.user: use lower-case letters"),
    (
        '[postgres.settings]\n"Work Mem" = 1',
        "postgres.settings.Work Mem: write a setting's name in lower case",
    ),
    ("[postgres.settings]\na.b.c = 1", "postgres.settings.a: write text, a number, true or false"),
    ("[postgres.settings]\nwork_mem = [1]", "postgres.settings.work_mem: write text, a number"),
    (
        '[postgres.settings]\nwork_mem = "1\\n2"',
        "postgres.settings.work_mem: the value holds a control",
    ),
    (
        "[postgres.settings]\nwork_mem = inf",
        "postgres.settings.work_mem: no setting takes such a number",
    ),
    (
        f"[postgres.settings]\nwork_mem = {2**63}",
        "postgres.settings.work_mem: no setting takes such a",
    ),
    (
        '[postgres.limits]\nmemory = "1GB"',
        "postgres.limits: memory_reservation is larger than memory",
    ),
    ("[postgres.limits]\ncpus = 0", "postgres.limits.cpus: Input should be greater than"),
    ('[postgres.log]\nmax_size = "1kB"', "postgres.log.max_size: between 1MB and 2047MB"),
    (
        '[redis]\nmaxmemory = "1536MB"',
        "redis.maxmemory (1536MB) leaves no room below redis.limits.memory (1536MB)",
    ),
    ('[redis_durable]\nmaxmemory = "2GB"', "redis_durable.maxmemory (2GB) leaves no room below"),
    ('[redis]\nmaxmemory = "1kB"', "redis.maxmemory is below 1MB"),
    ('[redis]\nmaxmemory_policy = "lru"', "redis.maxmemory_policy: Input should be 'noeviction',"),
    ("[tls]\nca_days = 36500", "tls.ca_days: Input should be less than or equal to 3650"),
    (
        "[tls]\ncertificate_days = 826",
        "tls.certificate_days: Input should be less than or equal to 825",
    ),
    (
        "[tls]\ncertificate_days = 30",
        "tls: renew_before_days must be less than ca_days and certificate_days",
    ),
    ('[tls]\nnames = ["a b"]', "tls.names.0: write a host name or an IP address"),
    ('[health]\ntimeout = "1ms"', "health.timeout: at least 100ms"),
    ('[verify]\nfact_timeout = "999d"', "verify.fact_timeout: at most 24 days"),
    ('[native]\nstate = "var"', "native.state: write an absolute path, or leave it empty"),
    ('[native]\nstate = "/a\\u0000b"', "native.state: a path has no control characters"),
    ('[native]\nstate = "/a\\u0085b"', "native.state: a path has no control characters"),
    ('[deployment]\nname = "a\\n"', "deployment.name: String should match pattern"),
    ('[deployment]\nprofile = "production"', "deployment.profile: Input should be 'dev' or 'prod'"),
    ("[deployment]\nname = 1979-05-27", "deployment.name: Input should be a valid string"),
    ("postgres = 1", "postgres: this is a section: write [postgres] and its keys below"),
    ("[[redis]]\nport = 1", "redis: this is a section: write [redis] and its keys below"),
    ('"\\u001b[2J" = 1', "\\x1b[2J: no such key"),
    (f'"{"k" * 5000}" = 1', "k…: no such key"),
]


@pytest.mark.parametrize(
    ("text", "expected"), IMPOSSIBLE, ids=[text[:60] for text, _ in IMPOSSIBLE]
)
def test_what_can_not_be_is_refused_with_its_key_and_reason(text: str, expected: str) -> None:
    error = refusal(text)
    assert expected in error.message
    assert len(error.message.splitlines()) == 1
    assert len(error.message) < 500


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = ", "(at end of document)"),
        ("[a]\n[a]\n", "at line 2"),
        ("a = 1\r b = 2", "not valid TOML"),
        ("a = \x00", "not valid TOML"),
        (f"a = {'9' * 5000}", "an endless number"),
        (f"a = 0x{'f' * 5000}", "an endless number"),
        (f"a = {'[' * 3000}{']' * 3000}", "nested too deeply"),
        (f"a = {'[' * 300}{']' * 300}", "nested too deeply"),
        (f"{'a.' * 3000}a = 1", "nested too deeply"),
        ("\x1b[2J", "not valid TOML"),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_not_toml_is_refused_with_its_line(text: str, expected: str) -> None:
    message = refusal(text).message
    assert expected in message
    assert message.isprintable()


POSSIBLE: list[tuple[str, str, object]] = [
    ('[postgres]\nhost = "::1"', "postgres.host", "::1"),
    ('[postgres]\nhost = "db-1.example.org"', "postgres.host", "db-1.example.org"),
    ('[postgres]\nhost = "DB"', "postgres.host", "DB"),
    ("[postgres]\nport = 80", "postgres.port", 80),
    (
        '[postgres]\nlisten_addresses = ["0.0.0.0", "::"]',
        "postgres.listen_addresses",
        ("0.0.0.0", "::"),
    ),
    ('[postgres]\nnetworks = ["10.1.2.3", "::1"]', "postgres.networks", ("10.1.2.3/32", "::1/128")),
    ('[postgres]\nnetworks = ["10.0.0.0/255.0.0.0"]', "postgres.networks", ("10.0.0.0/8",)),
    ('[postgres]\nshared_buffers = "4GB"', "postgres.shared_buffers", 4 * 1024**3),
    ('[redis.limits]\nmemory = "4GB"', "redis.limits.cpus", 1.0),
    ("[postgres.limits]\ncpus = 2", "postgres.limits.cpus", 2.0),
    (
        '[postgres.settings]\n"pg_stat_statements.max" = 5',
        "postgres.settings",
        {"pg_stat_statements.max": 5},
    ),
    (
        "[postgres.settings]\njit = false\nwork_mem = 4",
        "postgres.settings",
        {"jit": False, "work_mem": 4},
    ),
    ('[native]\nstate = "/srv/Müllers \\"Daten\\""', "native.state", '/srv/Müllers "Daten"'),
    ('[deployment]\ntarget = "external"\n[redis]\nport = 5432', "redis.port", 5432),
]


@pytest.mark.parametrize(
    ("text", "key", "value"), POSSIBLE, ids=[text[:50] for text, _, _ in POSSIBLE]
)
def test_what_can_be_is_taken_as_it_is_meant(text: str, key: str, value: object) -> None:
    """A port below 1024 is one of them: whether it may be used, the target knows (native/ports.py)."""
    found: Any = parse(text)
    for part in key.split("."):
        found = getattr(found, part)
    assert found == value
    assert type(found) is type(value)


def test_settings_can_not_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().postgres.port = 1  # type: ignore[misc]


# Whatever is written, the answer is Settings or a UsageError that names the file.

PLAIN = st.one_of(
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.dates(),
    st.times(),
    st.datetimes(),
)
NAMES = st.sampled_from(
    [*Settings.model_fields, *(key.rpartition(".")[2] for key in keys_of(Settings))]
)
KEYS = NAMES | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
NEAR_MISSES = st.one_of(
    st.builds(
        "{}{}".format,
        st.integers(-1, 10**6),
        st.sampled_from(["B", "kB", "MB", "GB", "TB", "s", "ms", "d"]),
    ),
    st.sampled_from(
        ["", "::1", "127.0.0.1/32", "10.0.0.0/8", "dev", "no", "external", "auto", "/srv", "a_b"]
    ),
    st.ip_addresses().map(str),
    st.integers(-1, 70000),
    st.floats(0, 2),
    st.lists(st.ip_addresses().map(str), max_size=2),
)


def dump(table: Mapping[str, Any]) -> str:
    """As TOML, in inline tables throughout."""
    return "".join(f"{_text(name)} = {_value(value)}\n" for name, value in table.items())


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_text(name)} = {_value(each)}' for name, each in value.items())}}}"
    return repr(value)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def test_what_hypothesis_writes_is_toml() -> None:
    assert parse(dump(tomllib.loads(example()))) == Settings()


def outcome(text: str) -> Settings | UsageError:
    try:
        return parse(text)
    except UsageError as error:
        return error


def judge(text: str) -> None:
    """Nothing but a UsageError may come of a bad text, and nothing that can't be kept of a good one."""
    found = outcome(text)
    if isinstance(found, UsageError):
        assert found.message.startswith(f"{TOML}: ")
        assert all(line.isprintable() for line in found.message.splitlines())
    else:
        assert Settings.model_validate_json(found.model_dump_json()) == found


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_structure_is_taken_or_refused(table: dict[str, Any]) -> None:
    judge(dump(table))


@st.composite
def mutated_examples(draw: st.DrawFn) -> str:
    """The example with one to three of its keys changed, taken out or added to."""
    table = tomllib.loads(example())
    for _ in range(draw(st.integers(1, 3))):
        *sections, name = draw(st.sampled_from(list(keys_of(Settings)))).split(".")
        inner: dict[str, Any] = table
        for section in sections:
            deeper = inner.get(section)
            if not isinstance(deeper, dict):
                break
            inner = deeper
        match draw(st.sampled_from(["value", "value", "near", "near", "key", "gone"])):
            case "value":
                inner[name] = draw(VALUES)
            case "near":
                inner[name] = draw(NEAR_MISSES)
            case "key":
                inner[draw(KEYS)] = draw(VALUES)
            case _:
                inner.pop(name, None)
    return dump(table)


@given(mutated_examples())
@settings(max_examples=150)
def test_any_change_of_the_example_is_taken_or_refused(text: str) -> None:
    judge(text)


@given(st.sampled_from(sorted(keys_of(Settings))), VALUES | NEAR_MISSES)
def test_whatever_is_wrong_with_one_key_the_message_names_it(key: str, value: object) -> None:
    *sections, name = key.split(".")
    text = f"[{'.'.join(sections)}]\n{name} = {_value(value)}\n"
    found = outcome(text)
    if isinstance(found, UsageError):
        section = key.rpartition(".")[0]
        assert key in found.message or (section in found.message and name in found.message)


@given(st.data())
def test_any_slip_of_the_pen_is_taken_or_refused(data: st.DataObject) -> None:
    text = example()
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = start + data.draw(st.integers(0, 30))
        text = text[:start] + data.draw(st.text(max_size=10)) + text[end:]
    judge(text)
