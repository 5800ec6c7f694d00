"""`.env` as we write it, as we read it, and as other programs read it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import psycopg.conninfo
import pytest
import redis.connection
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rfdata.config import env as dotenv
from rfdata.config import variables
from rfdata.config.load import parse_settings
from rfdata.config.schema import Settings
from rfdata.errors import UsageError
from rfdata.secrets import Secret
from rfdata.targets.deployment import parse_url

ENV = Path("/srv/deployment/.env")
AWKWARD = "pa%ss/wo@r:d#$HOME `id` $(id) \\n'\"!~&;|<>(){}[]*? =+é漢🔑"
PRINTABLE = st.characters(exclude_categories=["Cc", "Cs"])
PASSWORDS = st.text(PRINTABLE, min_size=1, max_size=60)


def parse(text: str) -> dict[str, str]:
    return {name: value.reveal() for name, value in dotenv.parse(text, ENV).items()}


def refusal(text: str) -> UsageError:
    with pytest.raises(UsageError) as raised:
        dotenv.parse(text, ENV)
    assert raised.value.exit_code == 2
    assert raised.value.hint
    assert raised.value.message.startswith(f"{ENV}, line ")
    return raised.value


def with_passwords(password: str) -> dict[str, Secret]:
    return {name: Secret(password) for name in dotenv.SECRETS}


def redis_options(url: Secret) -> Mapping[str, object]:
    """What redis-py makes of it."""
    found: Mapping[str, object] = redis.connection.parse_url(url.reveal())  # type: ignore[no-untyped-call]
    return found


def read_by_a_shell(text: str, names: Mapping[str, object]) -> dict[str, str]:
    """What `set -a; . ./.env` gives to a program."""
    shown = "; ".join(f'printf "%s\\0" "${name}"' for name in names)
    script = f'set -e; eval "$(cat)"; {shown}'
    done = subprocess.run(
        ["sh", "-c", script], input=text.encode(), capture_output=True, check=True
    )
    return dict(zip(names, done.stdout.decode().split("\0"), strict=False))


@given(PASSWORDS)
@example(AWKWARD)
@example("'")
@example('"')
@example("\\")
@example("a'b\"c\\")
@example("\N{NO-BREAK SPACE}x\N{LINE SEPARATOR}y\N{ZERO WIDTH SPACE}")
def test_any_password_survives_env_and_urls(password: str) -> None:
    found = Settings()
    secrets = with_passwords(password)
    values = {**secrets, **dotenv.derived(found, ENV.parent, secrets)}
    text = dotenv.update(variables.render({}, head="x"), values).reveal()
    back = dotenv.parse(text, ENV)
    assert {name: back[name].reveal() for name in dotenv.SECRETS} == dict.fromkeys(
        dotenv.SECRETS, password
    )

    url = parse_url("DATABASE_URL", back["DATABASE_URL"], Secret(password))
    assert url.password_matches
    assert (url.scheme, url.user, url.host, url.port) == (
        "postgresql",
        "researchflow_user",
        "127.0.0.1",
        5432,
    )
    assert (url.database, url.sslmode) == ("researchflow", "verify-full")
    assert not parse_url(
        "DATABASE_URL", back["DATABASE_URL"], Secret(password + "x")
    ).password_matches
    libpq = psycopg.conninfo.conninfo_to_dict(back["DATABASE_URL"].reveal())
    assert libpq["password"] == password

    for name, port in (("REDIS_URL", 6379), ("REDIS_DURABLE_URL", 6380)):
        url = parse_url(name, back[name], Secret(password))
        assert (url.scheme, url.user, url.host, url.port, url.database) == (
            "rediss",
            "",
            "127.0.0.1",
            port,
            "0",
        )
        assert url.password_matches
        assert redis_options(back[name])["password"] == password


@given(
    st.text(
        st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/"),
        min_size=1,
        max_size=40,
    )
)
@example(AWKWARD.replace("/", ""))
@example('it\'s my "own" 100% $HOME folder #1')
def test_any_folder_name_survives_env_and_urls(name: str) -> None:
    ca = f"/srv/{name}/certs/ca.crt"
    values = dotenv.derived(Settings(), Path("/srv") / name, with_passwords("x"))
    back = parse(dotenv.update("", values).reveal())
    assert back["TLS_CA_FILE"] == str(Path(ca))
    assert psycopg.conninfo.conninfo_to_dict(back["DATABASE_URL"])["sslrootcert"] == str(Path(ca))


@settings(max_examples=40)
@given(PASSWORDS)
@example(AWKWARD)
@example("\\'\"$`")
def test_a_shell_reads_what_we_wrote(password: str) -> None:
    secrets = with_passwords(password)
    values = {**secrets, **dotenv.derived(Settings(), Path("/srv/it's $HOME"), secrets)}
    text = dotenv.update("# a comment\n", values).reveal()
    assert read_by_a_shell(text, values) == parse(text)


@given(
    st.dictionaries(
        st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_]{0,12}\Z"),
        st.text(PRINTABLE, max_size=20),
        max_size=5,
    )
)
def test_update_sets_exactly_what_it_was_given_and_twice_is_once(values: dict[str, str]) -> None:
    before = "# head\n\nexport KEPT=1\n  A = \n".replace(" = ", "=") + "OTHER='two words'"
    first = dotenv.update(before, values).reveal()
    assert parse(first) == {**parse(before), **values}
    assert dotenv.update(first, values).reveal() == first
    assert first.startswith("# head\n\n")


def test_update_keeps_order_comments_and_export() -> None:
    before = "# one\nexport B=old\n#A=commented out\nA=old\n\n# end\n"
    after = dotenv.update(before, {"A": "a b", "C": "3", "B": Secret("new")}).reveal()
    assert after == "# one\nexport B=new\n#A=commented out\nA='a b'\n\n# end\nC=3\n"


@pytest.mark.parametrize(
    "value", ["a\nB=2", "a\rb", "\x00", "tab\t", "\x7f", "\x85", "\x1b[2J", "bytes \udcff"]
)
def test_a_value_that_would_break_its_line_is_never_written(value: str) -> None:
    with pytest.raises(UsageError, match="POSTGRES_PASSWORD holds a control character") as raised:
        dotenv.update("", {"POSTGRES_PASSWORD": Secret(f"hunter2{value}")})
    assert "hunter2" not in raised.value.message + raised.value.hint


@given(st.text())
def test_any_text_is_parsed_or_refused_with_its_line(text: str) -> None:
    try:
        found = dotenv.parse(text, ENV)
    except UsageError as error:
        message = error.message
    else:
        message = f"{ENV}, line 1"
        assert parse(dotenv.update(text, {"ADDED": "1"}).reveal()) == {**parse(text), "ADDED": "1"}
        assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) for name in found)
    assert message.startswith(f"{ENV}, line ")


LINES = st.sampled_from(
    [
        "A=1",
        "B='x y'",
        'C="x\\"y"',
        "export D=4",
        "# c",
        "",
        " E=5 ",
        "F=",
        "A=2",
        "G",
        "=1",
        "H='",
        'I="a"b',
        "J=a b",
        "K=$x",
        "L='a\\'",
        'M="\\n"',
        "N=#x",
        "O=a#b",
        "P=\t",
        "Q=a\tb",
        "\ufeffR=1",
        "export  S=1",
        "T=`x`",
    ]
)


@given(st.lists(LINES, max_size=6).map("\n".join))
def test_what_is_taken_means_the_same_to_a_shell(text: str) -> None:
    try:
        found = parse(text)
    except UsageError:
        return
    assert read_by_a_shell(text, found) == found


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("\n\n# only a comment\n", {}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("  A=1  \n\texport B=2", {"A": "1", "B": "2"}),
        ("A=", {"A": ""}),
        ("A=''\nB=\"\"", {"A": "", "B": ""}),
        ("A='$HOME \"x\" `id` \\n #'", {"A": '$HOME "x" `id` \\n #'}),
        ('A="it\'s \\$5 \\"or\\" \\\\ \\`x\\`"', {"A": 'it\'s $5 "or" \\ `x`'}),
        ("A=a#b=c&d", {"A": "a#b=c&d"}),
        ("A=päss", {"A": "päss"}),
    ],
)
def test_values_are_read_as_they_are_meant(text: str, values: dict[str, str]) -> None:
    assert parse(text) == values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1\nA=2", "line 2: A is set twice"),
        ("A=1\nexport A=1", "line 2: A is set twice"),
        ("A", "line 1: this is not NAME=value"),
        ("A =1", "line 1: this is not NAME=value"),
        ("1A=1", "line 1: this is not NAME=value"),
        ("A-B=1", "line 1: this is not NAME=value"),
        ("Ä=1", "line 1: this is not NAME=value"),
        ("\ufeffA=1", "line 1: this is not NAME=value"),
        ("A='x", "line 1, A: the quote is never closed"),
        ('A="', "line 1, A: the quote is never closed"),
        ("A='two\nlines'", "line 1, A: the quote is never closed"),
        ("A='a'b'", "line 1, A: other programs read this value differently"),
        ("A='a' # comment", "line 1, A: other programs read this value differently"),
        ('A="$HOME"', "line 1, A: other programs read this value differently"),
        ('A="a\\n"', "line 1, A: other programs read this value differently"),
        ("A=a # comment", "line 1, A: without quotes, other programs read this value differently"),
        ("A=#a", "line 1, A: without quotes, other programs read this value differently"),
        ("A=two words", "line 1, A: without quotes, other programs read this value differently"),
        ("A=a\N{NO-BREAK SPACE}b", "line 1, A: without quotes, other programs"),
        ("A=pa$word", "line 1, A: without quotes, other programs read this value differently"),
        ("A=pa\\word", "line 1, A: without quotes, other programs read this value differently"),
        ("A=it's", "line 1, A: without quotes, other programs read this value differently"),
        ("A=a\tb", "line 1, A: the value holds a control character"),
        ("A='a\rb'", "line 1, A: the value holds a control character"),
        ("A=a\x00", "line 1, A: the value holds a control character"),
        ("A=a\x85", "line 1, A: the value holds a control character"),
    ],
)
def test_what_others_would_read_differently_is_refused_with_its_line(
    text: str, expected: str
) -> None:
    assert f"{ENV}, {expected}" in refusal(text).message


@given(st.text(PRINTABLE).map(lambda text: f"🔑{text}"))
def test_a_refusal_never_shows_the_value(password: str) -> None:
    """A key that no message of ours holds stands before what Hypothesis finds: it borrows our words."""
    refused = (
        f"A='{password}",
        f"A={password} x",
        f"{password}",
        f'A="$${password}"',
        f"A=1\nA={password}",
    )
    for text in refused:
        try:
            dotenv.parse(text, ENV)
        except UsageError as error:
            shown = error.message.removeprefix(f"{ENV}, line ") + error.hint
        else:
            shown = ""
        assert password not in shown


@pytest.mark.parametrize("host", ["::1", "2001:db8::1", "db.example.org", "DB-1", "127.0.0.1"])
def test_a_host_comes_back_from_the_url_as_it_was_written(host: str) -> None:
    text = f'[postgres]\nhost = "{host}"\n[redis]\nhost = "{host}"\n'
    found = parse_settings(text, Path("rfdata.toml"))
    values = dotenv.derived(found, Path("/srv"), with_passwords("x"))
    assert values["POSTGRES_HOST"] == values["REDIS_HOST"] == host
    for name in ("DATABASE_URL", "REDIS_URL"):
        url = values[name]
        assert isinstance(url, Secret)
        assert parse_url(name, url, Secret("x")).host == host
    database = values["DATABASE_URL"]
    assert isinstance(database, Secret)
    assert psycopg.conninfo.conninfo_to_dict(database.reveal())["host"] == host


def test_derived_values_hold_secrets_only_as_secrets() -> None:
    password = "correct-horse-battery-staple"
    for name, value in dotenv.derived(Settings(), Path("/srv"), with_passwords(password)).items():
        if not isinstance(value, Secret):
            assert password not in value, name
        assert isinstance(value, Secret) == dotenv.is_secret(name), name


def test_every_variable_is_explained_and_every_explained_one_derived_or_drawn() -> None:
    derived = dotenv.derived(Settings(), Path("/srv"), with_passwords("x"))
    assert set(variables.NAMES) == set(derived) | set(dotenv.SECRETS)
    assert len(variables.NAMES) == len(set(variables.NAMES))


def test_templates_explain_every_variable_and_hold_no_secret() -> None:
    for text in (variables.example(), variables.production_template()):
        found = parse(text)
        assert list(found) == list(variables.NAMES)
        assert not [name for name, value in found.items() if dotenv.is_secret(name) and value]
    assert parse(variables.example())["POSTGRES_SSLMODE"] == "verify-full"


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("POSTGRES_PASSWORD", True),
        ("DATABASE_URL", True),
        ("REDIS_DURABLE_URL", True),
        ("JWT_SECRET", True),
        ("API_KEY", True),
        ("POSTGRES_HOST", False),
        ("TLS_CA_FILE", False),
    ],
)
def test_which_variables_are_secret(name: str, secret: bool) -> None:
    assert dotenv.is_secret(name) is secret


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@h:99999/d", "is not a URL"),
        ("postgresql://u:p@h:x/d", "is not a URL"),
        ("postgresql://u:pa/ss@h:5432/d", "is not a URL"),
        ("postgresql://u:hunter2hunter2@[::1/d", "is not a URL"),
    ],
)
def test_a_url_that_is_none_is_refused_without_showing_it(url: str, expected: str) -> None:
    with pytest.raises(UsageError, match=expected) as raised:
        parse_url("DATABASE_URL", Secret(url), None)
    assert "hunter2" not in raised.value.message + raised.value.hint


@given(st.text())
def test_any_url_is_taken_apart_or_refused(url: str) -> None:
    for text in (url, f"postgresql://{url}", f"rediss://:x@{url}:1/0"):
        try:
            parse_url("REDIS_URL", Secret(text), Secret("x"))
        except UsageError as error:
            message = error.message
        else:
            message = ".env: "
        assert message.startswith(".env: ")


@pytest.mark.parametrize(
    ("url", "port", "sslmode"),
    [
        ("postgresql://u:p@h/d", 5432, ""),
        ("postgres://u:p@h:1/d?sslmode=require", 1, "require"),
        ("postgresql://u:p@h:0/d", 0, ""),
        ("postgresql://u:p@h/d?sslmode=verify-full&sslmode=disable", 5432, "disable"),
        ("redis://h", 6379, ""),
        ("https://h", 0, ""),
    ],
)
def test_what_a_url_leaves_open_is_what_libpq_would_take(url: str, port: int, sslmode: str) -> None:
    found = parse_url("DATABASE_URL", Secret(url), None)
    assert (found.port, found.sslmode) == (port, sslmode)
    if "sslmode" in url:
        assert psycopg.conninfo.conninfo_to_dict(url)["sslmode"] == sslmode


def test_a_percent_encoded_url_matches_its_plain_password() -> None:
    url = Secret(f"postgresql://u:{quote(AWKWARD, safe='')}@h/d")
    assert parse_url("DATABASE_URL", url, Secret(AWKWARD)).password_matches
