"""What a Redis user may do, worked out from its ACL rules without asking the server."""

from __future__ import annotations

import re

HARMFUL: dict[str, frozenset[str]] = {
    "acl|setuser": frozenset({"admin", "slow", "dangerous"}),
    "bgrewriteaof": frozenset({"admin", "slow", "dangerous"}),
    "cluster|reset": frozenset({"admin", "slow", "dangerous"}),
    "config|set": frozenset({"admin", "slow", "dangerous"}),
    "debug": frozenset({"admin", "slow", "dangerous"}),
    "failover": frozenset({"admin", "slow", "dangerous"}),
    "flushall": frozenset({"keyspace", "write", "slow", "dangerous"}),
    "migrate": frozenset({"keyspace", "write", "slow", "dangerous"}),
    "module|load": frozenset({"admin", "slow", "dangerous"}),
    "monitor": frozenset({"admin", "slow", "dangerous"}),
    "psync": frozenset({"admin", "slow", "dangerous"}),
    "replicaof": frozenset({"admin", "slow", "dangerous"}),
    "save": frozenset({"admin", "slow", "dangerous"}),
    "shutdown": frozenset({"admin", "slow", "dangerous"}),
    "slaveof": frozenset({"admin", "slow", "dangerous"}),
    "sync": frozenset({"admin", "slow", "dangerous"}),
}
"""Commands that end, empty, copy or rewrite a server, with their categories (Redis 7)."""

WRITING: dict[str, frozenset[str]] = {
    "set": frozenset({"write", "string", "slow"}),
    "del": frozenset({"keyspace", "write", "slow"}),
    "eval": frozenset({"slow", "scripting"}),
}


def allowed(rules: str, commands: dict[str, frozenset[str]]) -> frozenset[str]:
    """Those of the commands that a user with these rules may run, in any selector.

    >>> sorted(allowed("~* +@all -@dangerous +config|get", {"config|set": frozenset({"dangerous"})}))
    []
    >>> sorted(allowed("-@all (~tmp +flushall)", HARMFUL))
    ['flushall']
    """
    selectors = [re.sub(r"\([^)]*\)", " ", rules), *re.findall(r"\(([^)]*)\)", rules)]
    return frozenset(
        command
        for command, categories in commands.items()
        if any(_may(selector, command, categories) for selector in selectors)
    )


def _may(rules: str, command: str, categories: frozenset[str]) -> bool:
    """The last rule that speaks of the command decides; without any, it is refused."""
    names = {"@all", command, command.partition("|")[0]} | {f"@{name}" for name in categories}
    may = False
    for word in rules.lower().split():
        rule = {"allcommands": "+@all", "nocommands": "-@all", "reset": "-@all"}.get(word, word)
        if rule[0] in "+-" and rule[1:] in names:
            may = rule[0] == "+"
    return may
