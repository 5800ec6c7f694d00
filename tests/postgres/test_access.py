"""Who gets in from where with what, tried on a server that runs with the rendered rules."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Callable

import pytest
from tests.postgres.conftest import SYSTEM_USER, Cluster, new_cluster

from rfdata.config.load import Config
from rfdata.errors import Unreachable
from rfdata.postgres import access, client
from rfdata.postgres.desired_roles import role_names, roles
from rfdata.postgres.wire import Answer, Knock, knock
from rfdata.runtime.find import find_postgres
from rfdata.secrets import Secret
from rfdata.shell import Command, run
from rfdata.tls.handshake import trusting_anyone

REJECTED = "28000"


def password_of(config: Config, role: str) -> Secret:
    variable = roles(config)[role].password_variable
    assert variable is not None
    return config.secret(variable)


def attempt(
    cluster: Cluster,
    user: str,
    database: str = "researchflow",
    *,
    password: Secret | None = None,
    tls: bool = True,
    source: str | None = None,
    host: str = "127.0.0.1",
) -> Answer:
    context: ssl.SSLContext | None = trusting_anyone() if tls else None
    return knock(Knock(host, cluster.port, user, database, password, source), context, 5)


def test_every_role_gets_in_over_tls_with_its_password(cluster: Cluster) -> None:
    for role in role_names(cluster.config).with_login:
        password = password_of(cluster.config, role)
        assert attempt(cluster, role, password=password).kind == "in", role


def test_nobody_gets_in_without_tls(cluster: Cluster) -> None:
    for role in (*role_names(cluster.config).all, "postgres", "stranger"):
        answer = attempt(cluster, role, tls=False)
        assert answer.sqlstate == REJECTED, role
        assert "no encryption" in answer.text


def test_nobody_gets_in_from_another_network(cluster: Cluster) -> None:
    for role in role_names(cluster.config).with_login:
        password = password_of(cluster.config, role)
        answer = attempt(cluster, role, password=password, source="127.0.0.2")
        assert answer.sqlstate == REJECTED, role


def test_nobody_gets_into_another_database(cluster: Cluster) -> None:
    for role in role_names(cluster.config).with_login:
        password = password_of(cluster.config, role)
        for database in ("postgres", "template1"):
            assert attempt(cluster, role, database, password=password).sqlstate == REJECTED


def test_the_superuser_never_comes_by_tcp(cluster: Cluster) -> None:
    cluster.run_sql("ALTER ROLE postgres PASSWORD 'known'")
    try:
        for database in ("postgres", "researchflow"):
            answer = attempt(cluster, "postgres", database, password=Secret("known"))
            assert answer.sqlstate == REJECTED
    finally:
        cluster.run_sql("ALTER ROLE postgres PASSWORD NULL")


def test_the_owner_does_not_log_in(cluster: Cluster) -> None:
    owner = role_names(cluster.config).owner
    assert attempt(cluster, owner, password=Secret("x")).sqlstate == REJECTED


def test_the_operator_comes_over_the_socket(cluster: Cluster) -> None:
    assert cluster.run_sql("SELECT current_user") == [("postgres",)]


def psql(cluster: Cluster, user: str, database: str, as_user: str | None) -> str:
    """psql of the runtime, over the socket, with every password it could be asked for."""
    password = cluster.config.env.get("POSTGRES_PASSWORD", Secret(""))
    done = run(
        Command(
            (
                *(str(find_postgres().tool("psql")), "-h", str(cluster.paths.socket)),
                *(
                    "-p",
                    str(cluster.port),
                    "-U",
                    user,
                    "-d",
                    database,
                    "-Atc",
                    "SELECT current_user",
                ),
            ),
            env={"PGPASSWORD": password},
            user=as_user,
            cwd=cluster.root,
        ),
        check=False,
    )
    return done.stdout.strip() or done.stderr


def test_roles_do_not_come_over_the_socket(cluster: Cluster) -> None:
    names = role_names(cluster.config)
    for role in (names.owner, names.migrator, names.app, names.readonly, names.monitor):
        assert "pg_hba.conf rejects connection" in psql(cluster, role, "researchflow", None)


def test_backup_programs_without_tls_come_over_the_socket_as_the_backup_role(
    cluster: Cluster,
) -> None:
    backup = role_names(cluster.config).backup
    assert psql(cluster, backup, "researchflow", SYSTEM_USER) == backup
    assert "rejects connection" in psql(cluster, backup, "postgres", SYSTEM_USER)


@pytest.mark.skipif(SYSTEM_USER != "postgres", reason="only root can be somebody else")
def test_another_system_user_is_nobody_on_the_socket(cluster: Cluster) -> None:
    backup = role_names(cluster.config).backup
    for role in ("postgres", backup):
        assert "Peer authentication failed" in psql(cluster, role, "researchflow", "nobody")


def test_the_server_has_read_every_rule(cluster: Cluster) -> None:
    rules = cluster.facts().hba.value
    assert not [rule for rule in rules if rule.error]
    assert {rule.method for rule in rules} == {"peer", "reject", "scram-sha-256"}
    open_ones = {rule.address for rule in rules if rule.method == "scram-sha-256"}
    assert open_ones == {"127.0.0.1/32", "::1/128"}
    assert {rule.type for rule in rules if rule.method == "scram-sha-256"} == {"hostssl"}


def test_a_database_called_replication_is_only_a_database() -> None:
    """Names in quotes are names; the app must not become a walsender by them."""
    with new_cluster('database = "replication"\nuser = "all"') as cluster:
        cluster.apply()
        password = cluster.config.secret("POSTGRES_PASSWORD")
        assert attempt(cluster, "all", "replication", password=password).kind == "in"
        answer = attempt(cluster, "replication_monitor", "replication", password=password)
        assert answer.sqlstate == "28P01"
        assert attempt(cluster, "somebody", "replication", password=password).sqlstate == REJECTED


def test_every_network_has_a_line_and_ends_in_rejection(
    configure: Callable[[str], Config],
) -> None:
    config = configure('networks = ["10.1.0.0/16", "fd00::/8"]')
    lines = [line for line in access.render_hba(config).splitlines() if line[:1] not in ("#", "")]
    for network in ("10.1.0.0/16", "fd00::/8"):
        ipaddress.ip_network(network)
        assert sum(network in line for line in lines) == 2
    assert [line.split() for line in lines[-2:]] == [
        ["host", "all", "all", "all", "reject"],
        ["host", "replication", "all", "all", "reject"],
    ]


def test_the_operators_map_names_each_user_once(config: Config) -> None:
    text = access.render_ident(config, ["root", "postgres", "root"])
    lines = [line.split() for line in text.splitlines() if line.startswith("operator")]
    assert lines == [
        ["operator", '"root"', '"postgres"'],
        ["operator", '"postgres"', '"postgres"'],
        ["operator", '"root"', '"researchflow_backup"'],
        ["operator", '"postgres"', '"researchflow_backup"'],
    ]


def test_a_replication_connection_needs_the_backup_role(cluster: Cluster) -> None:
    import psycopg

    names = role_names(cluster.config)
    for role, gets_in in ((names.backup, True), (names.app, False), (names.monitor, False)):
        known = client.login(cluster.config, role)
        parameters = {
            "host": known.host,
            "port": known.port,
            "user": role,
            "password": known.password.reveal(),
            "sslmode": "verify-full",
            "sslrootcert": known.ca,
            "replication": "true",
        }
        if gets_in:
            with psycopg.connect(**parameters, autocommit=True) as connection:  # type: ignore[arg-type]
                assert connection.pgconn.status == psycopg.pq.ConnStatus.OK
        else:
            with pytest.raises(psycopg.OperationalError, match=r"pg_hba\.conf rejects"):
                psycopg.connect(**parameters)  # type: ignore[arg-type]


def test_an_operator_connection_elsewhere_is_unreachable(cluster: Cluster) -> None:
    with pytest.raises(Unreachable, match="No such file"), client.operator(cluster.root, 1):
        pass
