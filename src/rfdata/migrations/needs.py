"""What a script takes for granted: extensions that the server has, roles that exist.

Read from its plain statements. What a DO block or a function puts together at run time, nobody can
know before it runs; the server will say so then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rfdata.migrations.finding import Seen, look, outside
from rfdata.migrations.lexer import Token, position, scan
from rfdata.migrations.migration import Script

_NOBODY = frozenset({"CURRENT_USER", "CURRENT_ROLE", "SESSION_USER"})
"""Key words for whoever runs the script. In double quotes they are names."""
_RENAMED = frozenset({"RENAME", "COLUMN", "ATTRIBUTE", "CONSTRAINT"})
"""Before OWNER, these make it a name."""


@dataclass(frozen=True, slots=True)
class Needed:
    """A name and the first place where a script uses it, from 1."""

    name: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Needs:
    extensions: tuple[Needed, ...] = ()
    roles: tuple[Needed, ...] = ()


def needs(script: Script) -> Needs:
    """Each name once. Raises SqlError where a quote or a comment is not closed."""
    extensions: dict[str, int] = {}
    roles: dict[str, int] = {}
    for statement in scan(script.text):
        seen = look(statement)
        for token in _extension(seen):
            extensions.setdefault(token.name or _unquoted(token), token.start)
        for token in _roles(seen):
            name = token.name or _unquoted(token)
            if token.word not in _NOBODY and name not in ("public", "none", ""):
                roles.setdefault(name, token.start)
    return Needs(_placed(script, extensions), _placed(script, roles))


def _placed(script: Script, offsets: dict[str, int]) -> tuple[Needed, ...]:
    return tuple(Needed(name, *position(script.text, at)) for name, at in offsets.items())


def _unquoted(token: Token) -> str:
    """SET ROLE takes its name as a string too."""
    return token.text[1:-1].replace("''", "'") if token.text.startswith("'") else ""


def _extension(seen: Seen) -> Sequence[Token]:
    if not seen.begins("CREATE", "EXTENSION"):
        return ()
    here = 5 if seen.words[2:5] == ("IF", "NOT", "EXISTS") else 2
    return seen.statement.head(here + 1)[here:]


def _roles(seen: Seen) -> Iterator[Token]:
    verb, kind = seen.words[0], (*seen.words, "")[1]
    if verb in ("GRANT", "REVOKE"):
        yield from _grantees(outside(seen.statement.tokens))
    elif verb == "ALTER":
        yield from _in_alter(seen, outside(seen.statement.tokens))
    elif verb == "CREATE" and kind == "POLICY":
        yield from _listed(outside(seen.statement.tokens), ("TO",))
    elif verb == "CREATE" and kind == "SCHEMA":
        yield from _listed(outside(seen.statement.tokens), ("AUTHORIZATION",))
    elif verb == "SET":
        yield from _set_role(seen)
    elif kind == "OWNED" and verb in ("REASSIGN", "DROP"):
        tokens = outside(seen.statement.tokens)
        yield from _listed(tokens, ("BY",))
        yield from _listed(tokens, ("TO",))


def _in_alter(seen: Seen, tokens: Sequence[Token]) -> Iterator[Token]:
    if seen.begins("ALTER", "DEFAULT", "PRIVILEGES"):
        for kind in ("ROLE", "USER"):
            yield from _listed(tokens, ("FOR", kind))
        yield from _grantees(tokens)
    elif seen.begins("ALTER", "POLICY") and "RENAME" not in (token.word for token in tokens):
        yield from _listed(tokens, ("TO",))
    else:
        yield from _listed(tokens, ("OWNER", "TO"))


def _grantees(tokens: Sequence[Token]) -> Iterator[Token]:
    words = [token.word for token in tokens]
    if "ON" not in words and words[0] in ("GRANT", "REVOKE"):  # a membership: roles on both sides
        yield from _listed(tokens, ("FOR",) if "FOR" in words else (words[0],))
    yield from _listed(tokens, ("TO",) if "TO" in words else ("FROM",))
    yield from _listed(tokens, ("GRANTED", "BY"))


def _set_role(seen: Seen) -> Iterator[Token]:
    tokens = seen.statement.head(6)
    words = [token.word for token in tokens]
    here = 2 if words[1:2] in (["SESSION"], ["LOCAL"]) else 1
    if words[here : here + 1] in (["ROLE"], ["AUTHORIZATION"]):
        here += 2 if [token.text for token in tokens[here + 1 : here + 2]] == ["="] else 1
        here += words[here : here + 1] == ["TO"]
        yield from tokens[here : here + 1]


def _listed(tokens: Sequence[Token], opening: tuple[str, ...]) -> Iterator[Token]:
    """The names behind the first such words: one, or several with commas, each with GROUP or without."""
    words = [token.word for token in tokens]
    for here in range(1, len(tokens)):
        behind = here + len(opening)
        if tuple(words[here:behind]) == opening and words[here - 1] not in _RENAMED:
            break
    else:
        behind = 1 if tuple(words[:1]) == opening else len(tokens)
    while behind < len(tokens):
        behind += words[behind] == "GROUP"
        yield from tokens[behind : behind + 1]
        if behind + 1 >= len(tokens) or tokens[behind + 1].text != ",":
            return
        behind += 2
