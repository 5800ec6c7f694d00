"""Statements that run, and may still be a mistake: they lose data, leak into the session, or leave
half of a file done. A file may waive each with a reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from rfdata.migrations.finding import HEAD, Finding, Part, Seen, actions, named, outside
from rfdata.migrations.lexer import Token

_REPEATABLE = frozenset(
    {
        "SET",
        "RESET",
        "VACUUM",
        "ANALYZE",
        "REINDEX",
        "COMMENT",
        "GRANT",
        "REVOKE",
        "SELECT",
        "CLUSTER",
    }
)
"""What may be run twice without harm."""


def doubtful(seen: Sequence[Seen], part: Part, transactional: bool) -> Iterator[Finding]:
    """What a person should look at again in a main or rollback script."""
    if part == "main":
        yield from _losses(seen)
    if transactional:
        yield from _enum_values(seen)
    else:
        yield from _left_half_done(seen)
        yield from _invalid_indexes(seen)
    for each in seen:
        verb = each.words[0]
        if verb in ("SET", "RESET"):
            yield from _setting(each, transactional)
        elif verb == "SELECT" and transactional:
            yield from _set_config(each)
        elif verb == "CREATE":
            yield from _extension(each)
        elif part == "rollback":  # there it takes back a REVOKE
            continue
        elif verb == "GRANT" or each.begins("ALTER", "DEFAULT", "PRIVILEGES"):
            yield from _grant(each)


def _setting(seen: Seen, transactional: bool) -> Iterator[Finding]:
    scope = (*seen.words, "")[1]
    if not {"CONSTRAINTS", "TRANSACTION", "ROLE", "AUTHORIZATION"}.isdisjoint(seen.words[1:3]):
        return
    if scope == "LOCAL":
        if not transactional:
            yield _warning(
                seen.start,
                "session-setting",
                "SET LOCAL does nothing here: the file runs without a transaction",
                "write SET, and RESET at the end of the file",
            )
        return
    here = 2 if scope == "SESSION" else 1
    name = named(seen.statement.head(HEAD), here)[0]
    if seen.words[here : here + 2] == ("TIME", "ZONE"):
        name = "timezone"
    if name in ("lock_timeout", "statement_timeout"):
        remedy = f"write `-- rfdata: {name.replace('_', '-')} 5s` at the top instead"
    elif transactional and seen.words[0] == "SET":
        remedy = f"write SET LOCAL {name}, which ends with the file"
    elif seen.words[0] == "SET":
        remedy = f"put SET {name} where it belongs: on the role, the database or the function"
    else:
        remedy = "remove it"
    yield _warning(
        seen.start,
        "session-setting",
        f"{seen.words[0]} {name} would outlive this file, so the runner takes it back",
        remedy,
    )


def _set_config(seen: Seen) -> Iterator[Finding]:
    """pg_dump begins its output with such a line."""
    tokens = seen.statement.head(16)
    words = [token.word for token in tokens]
    if "SET_CONFIG" in words and "FALSE" in words:
        yield _warning(
            seen.start,
            "session-setting",
            "set_config(…, false) would outlive this file, so the runner takes it back",
            "pass true, or write SET LOCAL",
        )


def _extension(seen: Seen) -> Iterator[Finding]:
    if seen.begins("CREATE", "EXTENSION") and seen.words[2:5] != ("IF", "NOT", "EXISTS"):
        yield _warning(
            seen.start,
            "extension-exists",
            "CREATE EXTENSION fails where the extension is there already",
            "write CREATE EXTENSION IF NOT EXISTS; `rfdata up` makes it before migrations run",
        )


def _grant(seen: Seen) -> Iterator[Finding]:
    for token in _after_to(seen):
        if token.name == "public":
            yield _warning(
                token.start,
                "grant-to-public",
                "a grant to PUBLIC is one to every role of this server, future ones too",
                "grant to the group that needs it (rf_*)",
            )


def _after_to(seen: Seen) -> list[Token]:
    tokens = outside(seen.statement.tokens)
    words = [token.word for token in tokens]
    return tokens[words.index("TO") :] if "TO" in words else []


def _losses(seen: Sequence[Seen]) -> Iterator[Finding]:
    made: set[str] = set()
    if all(each.words[0] not in ("DROP", "ALTER", "TRUNCATE", "DELETE") for each in seen):
        return
    for each in seen:
        words = each.words
        if words[0] == "CREATE":
            made.add(_created_table(each))
        elif words[0] == "DROP":
            yield from _drop(each, made)
        elif words[0] == "ALTER" and "TABLE" in words[1:3]:
            yield from _drop_columns(each, made)
        elif words[0] == "TRUNCATE":
            yield _loss(each.start, "truncate", "TRUNCATE removes every row")
        elif words[0] == "DELETE" and not _has_where(each):
            yield _loss(each.start, "delete-all", "DELETE without WHERE removes every row")


def _created_table(seen: Seen) -> str:
    if "TABLE" not in seen.words[1:4]:
        return ""
    tokens = seen.statement.head(12)
    here = seen.words.index("TABLE") + 1
    if seen.words[here : here + 1] == ("IF",):
        here += 3
    return named(tokens, here)[0]


def _drop(seen: Seen, made: set[str]) -> Iterator[Finding]:
    tokens = seen.statement.tokens
    here = 4 if seen.words[2:4] == ("IF", "EXISTS") else 2
    if seen.begins("DROP", "TABLE"):
        names = {named(action, 0)[0] for action in actions(tokens[here:])}
        if not names <= made:  # else only this file has ever seen it
            yield _loss(seen.start, "drop-table", "DROP TABLE removes its rows")
    elif seen.begins("DROP", "SCHEMA"):
        yield _loss(seen.start, "drop-schema", "DROP SCHEMA removes what CASCADE finds in it")
    elif seen.begins("DROP", "OWNED"):
        yield _loss(seen.start, "drop-schema", "DROP OWNED removes all that a role owns")


def _drop_columns(seen: Seen, made: set[str]) -> Iterator[Finding]:
    tokens = seen.statement.tokens
    here = 4 if seen.words[2:4] == ("IF", "EXISTS") else 2
    if here < len(tokens) and tokens[here].word == "ONLY":
        here += 1
    table, here = named(tokens, here)
    if here < len(tokens) and tokens[here].text == "*":
        here += 1
    if table in made:
        return
    for action in actions(tokens[here:]):
        words = [token.word for token in action]
        if words[:1] == ["DROP"] and words[1:2] not in (["CONSTRAINT"], []):
            yield _loss(action[0].start, "drop-column", "DROP COLUMN removes its values")


def _has_where(seen: Seen) -> bool:
    return any(token.word == "WHERE" for token in outside(seen.statement.tokens))


def _enum_values(seen: Sequence[Seen]) -> Iterator[Finding]:
    """A new value may be used only once its transaction has ended; up to PostgreSQL 16, also where
    its type is as new."""
    for each in seen:
        if not each.begins("ALTER", "TYPE"):
            continue
        tokens = each.statement.tokens
        words = [token.word for token in tokens]
        here = named(tokens, 2)[1]
        if words[here : here + 2] != ["ADD", "VALUE"]:
            continue
        here += 5 if words[here + 2 : here + 5] == ["IF", "NOT", "EXISTS"] else 2
        value = tokens[here].text if here < len(tokens) else ""
        if value and each.statement.script.find(value, each.statement.end) >= 0:
            yield _warning(
                each.start,
                "enum-value",
                f"the new value {value} is used in the same file: the server refuses that until "
                "the transaction which adds it has ended",
                "add the value in a migration of its own, before this one",
            )


def _left_half_done(seen: Sequence[Seen]) -> Iterator[Finding]:
    """Of several statements without a transaction, each stays done when a later one fails."""
    acting = [each for each in seen if each.words[0] not in ("SET", "RESET")]
    for each in acting[:-1]:
        if not _repeatable(each):
            yield _warning(
                each.start,
                "half-done",
                "if a later statement of this file fails, this one stays done and can't be repeated",
                "one statement a file, or IF [NOT] EXISTS in each",
            )
            return


def _repeatable(seen: Seen) -> bool:
    if seen.words[0] in _REPEATABLE:
        return True
    words = [token.word for token in seen.statement.head(40)]
    return any(
        pair in (("IF", "EXISTS"), ("IF", "NOT"), ("OR", "REPLACE")) for pair in pairwise(words)
    )


def _invalid_indexes(seen: Sequence[Seen]) -> Iterator[Finding]:
    """CREATE INDEX CONCURRENTLY that fails leaves an invalid index, which IF NOT EXISTS accepts."""
    dropped = set()
    for each in seen:
        tokens = each.statement.head(14)
        words = [token.word for token in tokens]
        if words[:2] == ["DROP", "INDEX"] and "EXISTS" in words:
            dropped.add(named(tokens, words.index("EXISTS") + 1)[0].rpartition(".")[2])
        if words[:1] != ["CREATE"] or "CONCURRENTLY" not in words[2:4] or "EXISTS" not in words[:8]:
            continue
        if named(tokens, words.index("EXISTS") + 1)[0] not in dropped:
            yield _warning(
                each.start,
                "invalid-index",
                "a try that fails leaves an invalid index behind, and IF NOT EXISTS takes it for done",
                "put DROP INDEX CONCURRENTLY IF EXISTS of the same name before it",
            )


def _loss(offset: int, rule: str, message: str) -> Finding:
    remedy = f"if that is meant: `-- rfdata: waive {rule}: why nobody needs it any more`"
    return _warning(offset, rule, f"{message}, and a rollback can't bring back data", remedy)


def _warning(offset: int, rule: str, message: str, remedy: str) -> Finding:
    return Finding(offset, rule, message, remedy, "warning")
