"""What ACL rules allow, without a server."""

from __future__ import annotations

import pytest

from rfdata.checklist.acl import HARMFUL, allowed


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("", set()),
        ("~* &*", set()),
        ("~* +@all", set(HARMFUL)),
        ("allcommands", set(HARMFUL)),
        ("+@all nocommands", set()),
        ("+@all -@dangerous", set()),
        ("+@all -@admin", {"flushall", "migrate"}),
        ("+@write", {"flushall", "migrate"}),
        ("-@dangerous +@all", set(HARMFUL)),
        ("+@all -@dangerous +CONFIG|SET", {"config|set"}),
        ("+@all -@dangerous +config|get", set()),
        ("+@all -@dangerous +acl", {"acl|setuser"}),
        ("+@read (+@all -@admin ~tmp:*)", {"flushall", "migrate"}),
        ("+@all -@dangerous (+info +client|list)", set()),
        ("-@all +debug -debug", set()),
    ],
)
def test_the_last_rule_that_speaks_of_a_command_decides(rules: str, expected: set[str]) -> None:
    assert allowed(rules, HARMFUL) == expected
