"""Where statements end: by the rules of PostgreSQL's scanner, and by what the server itself does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg import pq
from psycopg.errors import error_from_result
from tests.migrations.conftest import Scratch

from rfdata.migrations.lexer import (
    SqlError,
    Statement,
    Token,
    bare,
    comments,
    position,
    scan,
    statements,
    tokens,
)

if TYPE_CHECKING:
    from rfdata.postgres.client import Session

ATOMIC = """\
CREATE OR REPLACE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql BEGIN ATOMIC
  SELECT CASE WHEN true THEN CASE 1 WHEN 1 THEN 2 END END AS end;
  SELECT 1 AS case;
  SELECT (SELECT 2);
END"""
RULE = "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT (2); SELECT ')')"

SPLITS = {
    "two": ("SELECT 1; SELECT 2", ["SELECT 1", "SELECT 2"]),
    "empty ones": (";; ;\n; SELECT 1 ;;", ["SELECT 1 "]),
    "nothing": (" \n\t -- only\n /* talk; */ ", []),
    "string": ("SELECT 'a;b'';'; SELECT 2", ["SELECT 'a;b'';'", "SELECT 2"]),
    "backslash in a plain string": (r"SELECT '\'; SELECT 2", [r"SELECT '\'", "SELECT 2"]),
    "escape string": (r"SELECT E'\';', e'\\'; SELECT 2", [r"SELECT E'\';', e'\\'", "SELECT 2"]),
    "escape string with doubled quotes": (r"SELECT E'a'';\';'; S", [r"SELECT E'a'';\';'", "S"]),
    "escape string that goes on": ("SELECT E'a'\n  '\\';'; S", ["SELECT E'a'\n  '\\';'", "S"]),
    "escape string behind a comment": ("E'a'--x\n--y\n'\\';';S", ["E'a'--x\n--y\n'\\';'", "S"]),
    "a plain string that goes on": ("SELECT 'a'\n'\\'; S", ["SELECT 'a'\n'\\'", "S"]),
    "a name that ends in e": (r"SELECT the'\';S", [r"SELECT the'\'", "S"]),
    "unicode string": (r"SELECT U&'\0061;\'; S", [r"SELECT U&'\0061;\'", "S"]),
    "bits, national": ("SELECT B'1', X'F;', N';'; S", ["SELECT B'1', X'F;', N';'", "S"]),
    "name": ('SELECT 1 AS "a;""b;"; S', ['SELECT 1 AS "a;""b;"', "S"]),
    "unicode name": ('SELECT 1 AS U&"\\0061;"; S', ['SELECT 1 AS U&"\\0061;"', "S"]),
    "dollar": ("SELECT $$;'$$; S", ["SELECT $$;'$$", "S"]),
    "dollar with a tag": ("DO $a$ $$;$$ $b$; $a$; S", ["DO $a$ $$;$$ $b$; $a$", "S"]),
    "dollar, its end at once": ("SELECT $a$$a$; S", ["SELECT $a$$a$", "S"]),
    "dollar, a mark before its end": ("SELECT $a$;$$a$; S", ["SELECT $a$;$$a$", "S"]),
    "dollar with a foreign tag": ("SELECT $größe$;$größe$; S", ["SELECT $größe$;$größe$", "S"]),
    "dollar in a name": ("SELECT 1 AS a$b$; S$b$", ["SELECT 1 AS a$b$", "S$b$"]),
    "parameter": ("SELECT $1; S", ["SELECT $1", "S"]),
    "line comment": ("SELECT 1 -- it's; \"\n; S", ["SELECT 1 -- it's; \"\n", "S"]),
    "line comment to a CR": ("SELECT 1 --;\r; S", ["SELECT 1 --;\r", "S"]),
    "comment": ("SELECT /* ;' */ 1; S", ["SELECT /* ;' */ 1", "S"]),
    "comments inside comments": (
        "/* /* ; */ ; */ SELECT 1 /*/**/;*/; S",
        ["SELECT 1 /*/**/;*/", "S"],
    ),
    "slash and star apart": ("SELECT 4 / /*;*/ 2; S", ["SELECT 4 / /*;*/ 2", "S"]),
    "comment in an operator": ("SELECT 1 +/*;*/ 2 <--;\n 3; S", ["SELECT 1 +/*;*/ 2 <--;\n 3", "S"]),
    "json operators": ("SELECT a #>> b -> c ->> 'd;' @> e; S", ["SELECT a #>> b -> c ->> 'd;' @> e", "S"]),
    "no break space": ("SELECT 1 AS \u00a0; S", ["SELECT 1 AS \u00a0", "S"]),
    "body": (f"{ATOMIC}; S", [ATOMIC, "S"]),
    "rule": (f"{RULE}; S", [RULE, "S"]),
    "or replace rule": ("CREATE /*x*/ OR REPLACE RULE r AS (a;b); S", ["CREATE /*x*/ OR REPLACE RULE r AS (a;b)", "S"]),
    "hidden rule": ("CREATE /*/**/*/ RULE r AS (a;b); S", ["CREATE /*/**/*/ RULE r AS (a;b)", "S"]),
    "function as text": (
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ BEGIN; $$; S",
        ["CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ BEGIN; $$", "S"],
    ),
    "function that returns": ("CREATE FUNCTION f() RETURNS int RETURN 1; S", ["CREATE FUNCTION f() RETURNS int RETURN 1", "S"]),
    "an open parenthesis": ("SELECT (1; S", ["SELECT (1", "S"]),
    "begin": ("BEGIN; S; END", ["BEGIN", "S", "END"]),
    "no end": ("SELECT 1 -- x", ["SELECT 1 -- x"]),
}  # fmt: skip


@pytest.mark.parametrize(("script", "expected"), SPLITS.values(), ids=SPLITS)
def test_a_script_is_divided_where_the_server_would(script: str, expected: list[str]) -> None:
    assert [statement.text for statement in statements(script)] == expected


OPEN = {
    "SELECT 'a;": ("quoted string", 7),
    "SELECT 1; SELECT E'a\\'": ("quoted string", 17),
    "SELECT E'a'\n'b\\' ": ("quoted string", 7),
    'SELECT 1 AS "a': ("quoted name", 12),
    "DO $x$ $y$": ("dollar-quoted string $x$", 3),
    "SELECT $$": ("dollar-quoted string $$", 7),
    "S; /* a /* b */": ("comment", 3),
    "S /*": ("comment", 2),
    "CREATE FUNCTION f() AS 'x": ("quoted string", 23),
    "ä 'ö": ("quoted string", 2),
    "S 'it''s": ("quoted string", 2),
    "S 'a'\n'b": ("quoted string", 2),
    'S "a""b': ("quoted name", 2),
    "S U&'a": ("quoted string", 2),
    "S X'a": ("quoted string", 2),
}


@pytest.mark.parametrize(("script", "expected"), OPEN.items(), ids=OPEN)
def test_what_is_not_closed_is_named_with_where_it_begins(
    script: str, expected: tuple[str, int]
) -> None:
    what, offset = expected
    with pytest.raises(SqlError, match="is not closed") as caught:
        statements(script)
    assert what in caught.value.message
    assert caught.value.offset == offset
    assert caught.value.hint


def test_a_statement_knows_its_place() -> None:
    script = "-- ä\n  SELECT 1;\n\n/* x */ INSERT 'a\nb'; ü;\n"
    assert [(s.line, s.column, script[s.start : s.end]) for s in statements(script)] == [
        (2, 3, "SELECT 1"),
        (4, 9, "INSERT 'a\nb'"),
        (5, 5, "ü"),
    ]


def test_what_lies_before_the_error_can_be_looked_at() -> None:
    found = scan("SELECT 1; SELECT 2; '")
    assert [next(found).text, next(found).text] == ["SELECT 1", "SELECT 2"]
    with pytest.raises(SqlError):
        next(found)


def test_tokens_are_without_spaces_and_comments() -> None:
    script = """SELECT a."B""c",1.5e3 /*x*/ ::text||E'\\'' -- y\n,$1,:v, N'x'\n'y',a:=b <>-1;"""
    assert [(token.kind, token.text) for token in tokens(script)] == [
        ("word", "SELECT"),
        ("word", "a"),
        ("other", "."),
        ("quoted", '"B""c"'),
        ("other", ","),
        ("number", "1.5e3"),
        ("operator", "::"),
        ("word", "text"),
        ("operator", "||"),
        ("string", "E'\\''"),
        ("other", ","),
        ("parameter", "$1"),
        ("other", ","),
        ("operator", ":"),
        ("word", "v"),
        ("other", ","),
        ("string", "N'x'\n'y'"),
        ("other", ","),
        ("word", "a"),
        ("operator", ":="),
        ("word", "b"),
        ("operator", "<>-"),
        ("number", "1"),
        ("other", ";"),
    ]
    assert all(script.startswith(token.text, token.start) for token in tokens(script))
    assert [comment.text for comment in comments(script)] == ["/*x*/", "-- y"]


@pytest.mark.parametrize(
    ("text", "name", "word"),
    [
        ("Users", "users", "USERS"),
        ('"Users"', "Users", ""),
        ('"a""b"', 'a"b', ""),
        ('U&"d\\0061t\\+000061 \\\\"', "data \\", ""),
        ("Größe", "größe", "GRÖSSE"),
        ("ÄB", "Äb", "ÄB"),
        ("'x'", "", ""),
    ],
)
def test_a_name_is_what_the_catalogue_has(text: str, name: str, word: str) -> None:
    (token,) = tokens(text)
    assert (token.name, token.word) == (name, word)


def test_a_character_outside_of_quotes_is_found() -> None:
    script = "a ':' \":\" $$:$$ /* : */ -- :\n E':\\':' ; b : c"
    assert bare(script, ":") == script.rindex(":")
    assert bare(script, ":", 0, 10) == -1
    assert bare("a::b", ":", 2) == 2
    assert bare("SELECT 1 \\g", "\\") == 9


def test_a_big_script_keeps_its_places() -> None:
    line = "INSERT INTO t VALUES (1, 'it''s; ä', E'\\'', $$;$$); -- ;\n"
    found = statements(line * 20_000)
    assert len(found) == 20_000
    assert (found[-1].line, found[-1].column, found[-1].text) == (20_000, 1, line[:-7])
    assert found[-1].head(2) == (
        Token("word", "INSERT", len(line) * 19_999),
        Token("word", "INTO", len(line) * 19_999 + 7),
    )


def divided(script: str) -> tuple[Statement, ...] | int:
    """The statements, or where a quote or a comment begins that is not closed."""
    try:
        return statements(script)
    except SqlError as error:
        return error.offset


TEXT = st.text(st.sampled_from("ab1 ;'\"\\$-/*:()\n\r\tEe_äU&.,+=[]"), max_size=12)


@given(st.text(st.sampled_from("aE1 ;'\"\\$-/*\n(é"), max_size=40))
@example("E'a'\n--'\n'b\\';")
def test_nothing_is_lost_between_statements(script: str) -> None:
    found = divided(script)
    if isinstance(found, int):
        assert 0 <= found < len(script)
        return
    end = 0
    rejoined = ""
    for statement in found:
        gap = script[end : statement.start]
        assert not list(tokens(gap.replace(";", " "))), "only spaces, comments and semicolons"
        rejoined += gap + statement.text
        end = statement.end
        assert position(script, statement.start) == (statement.line, statement.column)
    assert rejoined + script[end:] == script
    assert not list(tokens(script[end:].replace(";", " ")))


def quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def escape(text: str) -> str:
    return "E'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def dollar(text: str) -> str:
    tag = "$q$" if "$" not in text else "$no_such_tag$"
    return f"{tag}{text}{tag}"


LITERALS = st.one_of(
    TEXT.map(quote),
    TEXT.map(escape),
    TEXT.map(dollar),
    st.tuples(TEXT, TEXT).map(lambda pair: f"{quote(pair[0])}\n{quote(pair[1])}"),
    st.tuples(TEXT, TEXT).map(lambda pair: f"{escape(pair[0])} -- ';\n {escape(pair[1])[1:]}"),
    st.integers(0, 9).map(str),
)
COMMENTS = st.one_of(
    st.text(st.sampled_from("a;'\"$\\- "), max_size=8).map(lambda text: f"--{text}\n"),
    st.text(st.sampled_from("a;'\"$\\- \n"), max_size=8).map(lambda text: f"/*{text}*/"),
    st.just("/* ; /* ' */ ; */"),
    st.just(" "),
)
QUERIES = st.tuples(LITERALS, COMMENTS, TEXT.filter(bool)).map(
    lambda parts: (
        f'SELECT {parts[1]} {parts[0]} {parts[1]} AS "{parts[2].replace(chr(34), chr(34) * 2)}"'
    )
)


@given(st.lists(QUERIES, min_size=1), st.lists(COMMENTS))
def test_whatever_is_quoted_divides_nothing(queries: list[str], between: list[str]) -> None:
    gap = f" ;{''.join(between)}"
    assert [s.text.rstrip() for s in statements(gap.join(queries))] == queries


@pytest.fixture
def session(blank: Scratch) -> Iterator[Session]:
    with blank.superuser() as session:
        session.execute("CREATE TABLE t (a int); CREATE TABLE s (a int)")
        yield session


def on_the_server(session: Session, script: str) -> int | psycopg.Error:
    """How many statements the server makes of a script, each with a result of its own."""
    connection = session.pgconn
    connection.send_query(script.encode())
    count: int | psycopg.Error = 0
    while result := connection.get_result():
        if result.status == pq.ExecStatus.FATAL_ERROR:
            count = error_from_result(result)
        elif isinstance(count, int):
            count += result.status != pq.ExecStatus.EMPTY_QUERY
    return count


SERVED = [
    "SELECT ';' ;; SELECT $a$;$$;$a$; -- ;\n /* ; /* ; */ */ SELECT E'\\';'",
    "SELECT E'a' --;\n  '\\';'; SELECT 'a'\n';'; SELECT U&'\\0061;'; SELECT 1 AS \"x;\"",
    "SELECT 4 / /*;*/ 2; SELECT 2 <--;\n 3; SELECT 1 -/*;*/- 1; SELECT '{}'::jsonb -> 'a;'",
    f"{ATOMIC}; SELECT pg_temp.f()",
    f"{RULE}; SELECT 1; DROP RULE r ON t",
    "CREATE /* /* */ ; */ OR /*;*/ REPLACE --;\n RULE r AS ON DELETE TO t DO ALSO (SELECT 1; SELECT 2); SELECT 1",
    "CREATE PROCEDURE pg_temp.p() BEGIN ATOMIC INSERT INTO s VALUES (1); DELETE FROM s; END; CALL pg_temp.p(); SELECT 1",
    "CREATE FUNCTION pg_temp.g() RETURNS int BEGIN ATOMIC SELECT 1; END; CREATE FUNCTION pg_temp.h(a int) RETURNS int RETURN CASE a WHEN 1 THEN 2 END; SELECT 1",
    "CREATE FUNCTION pg_temp.begin(atomic int) RETURNS int LANGUAGE sql AS 'SELECT 1;'; SELECT 1",
    "CREATE FUNCTION pg_temp.k() RETURNS int BEGIN ATOMIC SELECT t.end FROM (SELECT 1 AS end, 2 AS case) t; END; SELECT 1",
    "DO $do$ BEGIN PERFORM ';'; IF true THEN PERFORM $$;$$; END IF; END; $do$; SELECT 1",
    "SELECT 1 AS a$b$; SELECT 2 AS größe; SELECT $größe$;$größe$",
    "CREATE TEMP TABLE \u00a0x (a int); SELECT 1",
    ";;",
]  # fmt: skip


@pytest.mark.parametrize("script", SERVED)
def test_the_server_counts_as_many_statements(session: Session, script: str) -> None:
    assert on_the_server(session, script) == len(statements(script))


@given(script=st.lists(st.one_of(QUERIES, COMMENTS, st.just(";")), max_size=6).map(";".join))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_server_counts_as_many_in_any_script(session: Session, script: str) -> None:
    assert on_the_server(session, script) == len(statements(script))


SOUP = st.lists(
    st.sampled_from(
        [
            *("SELECT 1", ";", "'", "''", "E'", "e", "\\", "\\'", '"', '""', "$$", "$a$", "$", "a"),
            *("--", "\n", "/*", "*/", "*", "/", " ", "-", "U&'", "U&", "'a'", "\r", ",", "+", "1"),
        ]
    ),
    max_size=9,
).map("".join)


@given(script=SOUP)
@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(script="SELECT 1;E'a'\n'\\'")
@example(script="SELECT 1/*/**/")
@example(script="$a$ $a")
def test_the_server_finds_the_same_quotes_open(session: Session, script: str) -> None:
    """Unless it stumbles over something before: it parses as it scans."""
    ours, theirs = divided(script), on_the_server(session, script)
    if isinstance(theirs, int):
        assert not isinstance(ours, int)
        assert theirs == len(ours)
        return
    place = int(theirs.diag.statement_position or 0) - 1
    if "unterminated" in str(theirs.diag.message_primary):
        assert ours == place
    elif isinstance(theirs, psycopg.errors.SyntaxError) and isinstance(ours, int):
        assert place < ours
    elif isinstance(ours, int):
        pytest.fail(f"parsed whole: {theirs}")
