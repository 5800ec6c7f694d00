"""Statements that no migration may hold: they end its transaction, or can't run in it, or reach
beyond the database or the rights that a migration has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rfdata.migrations.finding import Finding, Part, Seen, outside
from rfdata.migrations.lexer import Token

_TRANSACTION = frozenset(
    {"BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "ABORT", "START"}
)
_READS = frozenset({"SELECT", "VALUES", "WITH", "TABLE"})
_WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"})
_DIRECTIVE = "begin the file with `-- rfdata: no-transaction`"


def refused(seen: Seen, part: Part, transactional: bool) -> Iterator[Finding]:
    """What makes this statement impossible where it stands."""
    if part == "verify":
        yield from _not_reading(seen)
        return
    yield from _transaction_control(seen)
    yield from _session_commands(seen)
    yield from _beyond(seen)
    if transactional:
        if found := _never_in_transaction(seen):
            yield Finding(
                seen.start,
                "outside-transaction",
                f"{found} can't run in a transaction",
                f"give it a file of its own, and {_DIRECTIVE}",
            )
    elif seen.words[0] in ("LOCK", "DECLARE"):
        yield Finding(
            seen.start,
            "needs-transaction",
            f"{seen.words[0]} works in a transaction only, and this file has none",
            "move it to a file without `-- rfdata: no-transaction`",
        )


def _transaction_control(seen: Seen) -> Iterator[Finding]:
    word = seen.words[0]
    if word in _TRANSACTION or seen.begins("PREPARE", "TRANSACTION"):
        yield Finding(
            seen.start,
            "transaction-control",
            f"{f'{word} TRANSACTION' if word in ('PREPARE', 'START') else word} of its own: it would end the "
            "transaction that holds the migration and its line in the ledger together",
            f"remove it: each file is one transaction; where it must not be, {_DIRECTIVE}",
        )
    elif seen.begins("SET", "TRANSACTION"):
        yield Finding(
            seen.start,
            "transaction-control",
            "SET TRANSACTION: the transaction has begun before the file does",
            "remove it",
        )


def _session_commands(seen: Seen) -> Iterator[Finding]:
    words = [word for word in seen.words if word not in ("SESSION", "LOCAL")]
    if seen.words[0] in ("SET", "RESET") and words[1:2] in (["ROLE"], ["AUTHORIZATION"]):
        yield Finding(
            seen.start,
            "set-role",
            "changes the role: what follows would belong to someone else",
            "remove it; all is made as the database's owner",
        )
    elif seen.words[0] in ("LISTEN", "UNLISTEN", "DISCARD"):
        yield Finding(
            seen.start,
            "session-command",
            f"{seen.words[0]} acts on the runner's session, which ends with the migration",
            "remove it; services do this for themselves",
        )


def _beyond(seen: Seen) -> Iterator[Finding]:
    verb, kind = seen.words[0], (*seen.words, "")[1]
    if verb in ("GRANT", "REVOKE") and "ON" not in _outside_words(seen):
        yield Finding(
            seen.start,
            "role",
            f"{verb} of a membership: roles belong to the whole server",
            "remove it: `rfdata up` makes the roles and their memberships",
        )
    if verb not in ("CREATE", "ALTER", "DROP"):
        return
    if kind in ("ROLE", "GROUP") or (kind == "USER" and seen.words[2:3] != ("MAPPING",)):
        yield Finding(
            seen.start,
            "role",
            f"{verb} {kind}: roles belong to the whole server, and migrations may not change them",
            "remove it: `rfdata up` makes the roles; grant to one of the groups rf_*",
        )
    elif kind in ("DATABASE", "TABLESPACE") or seen.begins("ALTER", "SYSTEM"):
        yield Finding(
            seen.start,
            "beyond-database",
            f"{verb} {kind} changes the server, not this database",
            "set it in rfdata.toml, and run `rfdata up`",
        )


def _never_in_transaction(seen: Seen) -> str:
    """How the statement is called, where the server refuses it in a transaction; else empty."""
    words = seen.words
    verb, kind = words[0], (*words, "")[1]
    if verb == "VACUUM":
        return "VACUUM"
    if verb == "CREATE" and "CONCURRENTLY" in words[2:4] and "INDEX" in words[1:3]:
        return "CREATE INDEX CONCURRENTLY"
    if verb == "DROP" and words[1:3] == ("INDEX", "CONCURRENTLY"):
        return "DROP INDEX CONCURRENTLY"
    if verb == "REINDEX":
        return _reindex(seen)
    if verb == "ALTER" and kind == "TABLE" and _detaches(seen):
        return "DETACH PARTITION … CONCURRENTLY"
    if verb == "CLUSTER" and not _cluster_target(seen):
        return "CLUSTER of every table"
    if kind == "SUBSCRIPTION" and verb in ("CREATE", "DROP"):
        return _subscription(seen)
    return ""


def _reindex(seen: Seen) -> str:
    words = [token.word for token in seen.statement.tokens]
    if "CONCURRENTLY" in words:
        return "REINDEX CONCURRENTLY"
    kind = _outside_words(seen)[1]
    return f"REINDEX {kind}" if kind in ("DATABASE", "SYSTEM", "SCHEMA") else ""


def _outside_words(seen: Seen) -> list[str]:
    """Its words that lie in no parentheses, and "" after them."""
    words = [token.word for token in outside(seen.statement.tokens) if token.word]
    return [*words, "", ""]


def _detaches(seen: Seen) -> bool:
    words = _outside_words(seen)
    return "DETACH" in words and words[-3] == "CONCURRENTLY"


def _cluster_target(seen: Seen) -> bool:
    return any(
        token.name for token in outside(seen.statement.tokens)[1:] if token.word != "VERBOSE"
    )


def _subscription(seen: Seen) -> str:
    tokens = seen.statement.tokens
    for number, token in enumerate(tokens):
        if token.word in ("CREATE_SLOT", "CONNECT"):
            value = tokens[min(number + 2, len(tokens) - 1)].text.strip("'").lower()
            if value in ("false", "off", "0"):
                return ""
    return f"{seen.words[0]} SUBSCRIPTION with its slot"


def _not_reading(seen: Seen) -> Iterator[Finding]:
    tokens = seen.statement.tokens
    if tokens[0].word not in _READS and tokens[0].text != "(":
        offset, what = seen.start, tokens[0].word or tokens[0].text
    else:
        offset, what = _writing_part(tokens)
    if what:
        yield Finding(
            offset,
            "verify-reads",
            f"{what} in a verify file, which only reads",
            "write a SELECT that returns one row with one boolean column",
        )


def _writing_part(tokens: Sequence[Token]) -> tuple[int, str]:
    """What a query does beside reading, and where: SELECT INTO, row locks, WITH … AS (DELETE …)."""
    for number, token in enumerate(tokens):
        before = tokens[number - 1] if number else None
        opened_by = tokens[number - 2].word if number > 1 else ""
        if before is None or before.word == "AS" or before.text == ".":
            continue
        if token.word == "INTO":
            return token.start, "INTO"
        if token.word in ("UPDATE", "SHARE") and before.word in ("FOR", "KEY"):
            return token.start, f"FOR {token.word}"
        if token.word in _WRITES and (
            (before.text == "(" and opened_by in ("AS", "MATERIALIZED"))
            or (before.text == ")" and tokens[0].word == "WITH")
        ):
            return token.start, token.word
    return 0, ""
