"""Each action works, works twice, and leaves no secret where anyone could read it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.postgres.conftest import Cluster, new_cluster

from rfdata.errors import ChangeFailed, Unreachable
from rfdata.model.facts import Privilege
from rfdata.model.plan import (
    AlterRole,
    CreateDatabase,
    CreateExtension,
    CreateRole,
    Grant,
    GrantRole,
    ResetSetting,
    Revoke,
    RevokeRole,
    SetOwner,
    SetPassword,
    SetRoleSetting,
    SqlAction,
)
from rfdata.postgres import actions, client, scram
from rfdata.postgres.roles import steps
from rfdata.secrets import Secret, generate

ODD = 'we"ird; DROP ROLE x --'

ALL: list[SqlAction] = [
    CreateRole(ODD),
    AlterRole(ODD, ("LOGIN", "NOSUPERUSER", "CONNECTION LIMIT 3")),
    SetRoleSetting(ODD, "work_mem", "it's 1"),
    SetPassword(ODD, Secret("x'y\\z")),
    GrantRole("pg_monitor", ODD),
    RevokeRole("pg_monitor", ODD),
    CreateDatabase("made twice", ODD),
    SetOwner("database", "made twice", "postgres"),
    SetOwner("schema", "public", "researchflow_owner"),
    CreateExtension("vector"),
    Grant(Privilege("database", "researchflow", "CONNECT", ODD)),
    Grant(Privilege("schema", "public", "USAGE", ODD)),
    Grant(Privilege("function", "pg_switch_wal()", "EXECUTE", ODD)),
    Grant(Privilege("tables", "public", "SELECT", ODD)),
    Grant(Privilege("sequences", "public", "USAGE", ODD)),
    Revoke(Privilege("database", "researchflow", "CONNECT", ODD)),
    Revoke(Privilege("schema", "public", "USAGE", ODD)),
    Revoke(Privilege("function", "pg_switch_wal()", "EXECUTE", ODD)),
    Revoke(Privilege("tables", "public", "SELECT", ODD)),
    Revoke(Privilege("sequences", "public", "USAGE", ODD)),
    Revoke(Privilege("database", "researchflow", "CONNECT", "PUBLIC")),
    ResetSetting("log_statement"),
    ResetSetting("pg_stat_statements.max"),
]


def do(cluster: Cluster, action: SqlAction) -> None:
    actions.execute(cluster.operator, cluster.config, action)


def test_doing_everything_twice_does_no_harm(cluster: Cluster) -> None:
    doable = [a for a in ALL if not isinstance(a, SetRoleSetting)]
    try:
        for action in doable:
            do(cluster, action)
            do(cluster, action)
        assert not steps(cluster.config, cluster.facts())
        role = cluster.facts().roles.value[ODD]
        assert (role.login, role.connection_limit, role.member_of) == (True, 3, frozenset())
    finally:
        quoted = '"' + ODD.replace('"', '""') + '"'
        cluster.run_sql('DROP DATABASE IF EXISTS "made twice"', f"DROP ROLE IF EXISTS {quoted}")


def test_a_role_s_setting(cluster: Cluster) -> None:
    do(cluster, SetRoleSetting("researchflow_monitor", "application_name", "it's me"))
    try:
        settings = cluster.facts().roles.value["researchflow_monitor"].settings
        assert settings == {"application_name": "it's me"}
    finally:
        cluster.run_sql("ALTER ROLE researchflow_monitor RESET ALL")


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (AlterRole("nobody_at_all", ("LOGIN",)), 'role "nobody_at_all" does not exist'),
        (AlterRole("postgres", ("LOGIN; DROP ROLE x",)), "no word of a GRANT"),
        (Grant(Privilege("table", "x", "SELECT", "postgres")), "not ours to change"),
        (Grant(Privilege("schema", "public", "USAGE, CREATE", "postgres")), "no word of a GRANT"),
        (Grant(Privilege("function", "no_such(int)", "EXECUTE", "postgres")), "no function"),
        (CreateExtension("no_such_extension"), "is not available"),
        (SetPassword("nobody_at_all", Secret("topsecret")), 'role "nobody_at_all" does not exist'),
    ],
)
def test_a_failed_change_says_what_the_server_said(
    cluster: Cluster, action: SqlAction, message: str
) -> None:
    with pytest.raises(ChangeFailed, match=message) as caught:
        do(cluster, action)
    assert "rfdata up" in caught.value.hint
    assert "topsecret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_no_server_no_change() -> None:
    def connect(database: str) -> object:
        return client.operator(Path("/nonexistent"), 1, database)

    with pytest.raises(Unreachable):
        actions.execute(connect, None, CreateRole("x"))  # type: ignore[arg-type]


NOISY = """
log_statement = 'all'
log_min_duration_statement = 0
log_duration = on
log_min_error_statement = 'debug5'
pg_stat_statements.track = 'all'
pg_stat_statements.track_utility = on
debug_print_plan = on
debug_print_parse = on
debug_print_rewritten = on
"""


def test_neither_password_nor_verifier_is_kept_anywhere(cluster: Cluster) -> None:
    """With everything logged and tracked: not in the log, the statistics or the activity."""
    password = generate()
    with cluster.changed(conf=NOISY):
        do(cluster, SetPassword("researchflow_monitor", password))
        with pytest.raises(ChangeFailed):
            do(cluster, SetPassword("nobody_at_all", password))
        rows = cluster.run_sql("SELECT rolname, rolpassword FROM pg_authid WHERE rolpassword <> ''")
        stored = dict(rows)["researchflow_monitor"]
        tracked = cluster.run_sql(
            "SELECT query FROM pg_stat_statements WHERE query ~ 'SCRAM|_monitor|nobody_at_all'",
            database="researchflow",
        )
        log = cluster.log_text
    cluster.apply()
    assert scram.matches(Secret(stored), password)
    assert password.reveal() not in log
    assert "SCRAM-SHA-256$" not in log
    assert "SELECT rolname, rolpassword" in log, "the log is as noisy as it was told to be"
    assert tracked == []


def test_setting_up_a_cluster_leaks_no_secret() -> None:
    with new_cluster() as fresh:
        fresh.apply()
        assert fresh.facts().probes.login.value.accepted
        log = fresh.log_text
        tracked = fresh.run_sql("SELECT query FROM pg_stat_statements", database="researchflow")
        seen = log + repr(tracked)
    leaked = [name for name, secret in fresh.config.env.items() if secret.reveal() in seen]
    assert leaked == []
    assert "SCRAM-SHA-256$4096" not in seen


def test_reload_returns_when_new_rules_hold(cluster: Cluster) -> None:
    rejecting = "local all postgres peer map=operator\nhost all all all reject\n"
    for _ in range(5):
        with cluster.changed(hba=rejecting):
            assert not cluster.facts().probes.login.value.accepted
        assert cluster.facts().probes.login.value.accepted


def test_reload_of_a_broken_file_names_it(cluster: Cluster) -> None:
    conf = cluster.paths.conf.read_text(encoding="utf-8")
    cluster.write(cluster.paths.conf, conf + "this is = = not a setting\n")
    try:
        with pytest.raises(ChangeFailed, match=r"postgresql\.conf"):
            actions.reload(cluster.operator, timeout=0.5)
        assert any("syntax error" in e for e in cluster.facts().config_errors.value)
    finally:
        cluster.render()
        cluster.reload()
