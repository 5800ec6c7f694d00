"""The plan for roles is complete, ends empty, and leaves everyone with the least they need."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from tests.postgres.conftest import SYSTEM_USER, Cluster, new_cluster

from rfdata.config.load import Config
from rfdata.config.services import GROUPS
from rfdata.errors import Unreachable, UsageError
from rfdata.model.fact import FactUnread, unread
from rfdata.model.facts import PostgresFacts, Privilege, with_fact
from rfdata.model.plan import (
    AlterRole,
    CreateDatabase,
    CreateExtension,
    CreateRole,
    Grant,
    GrantRole,
    Revoke,
    RevokeRole,
    SetOwner,
    SetPassword,
    SetRoleSetting,
)
from rfdata.postgres import client
from rfdata.postgres.desired_roles import role_names
from rfdata.postgres.roles import steps
from rfdata.shell import Command, run

ORDER = [
    CreateRole,
    AlterRole,
    GrantRole,
    RevokeRole,
    SetRoleSetting,
    CreateDatabase,
    SetOwner,
    CreateExtension,
    Revoke,
    Grant,
    SetPassword,
]


def summaries(cluster: Cluster) -> list[str]:
    return [step.summary for step in steps(cluster.config, cluster.facts())]


class TestPlan:
    def test_a_fresh_cluster_needs_everything_in_order(self, config: Config) -> None:
        planned = steps(config, None)
        ranks = [ORDER.index(type(step.action)) for step in planned]
        assert [r for r in ranks if r > 1] == sorted(r for r in ranks if r > 1)
        made = [s.action.role for s in planned if isinstance(s.action, CreateRole)]
        assert sorted(made) == sorted((*GROUPS, *role_names(config).all))

    def test_public_loses_what_initdb_gave_it(self, config: Config) -> None:
        revoked = {s.action.privilege for s in steps(config, None) if isinstance(s.action, Revoke)}
        assert revoked == {
            Privilege("database", "researchflow", "CONNECT", "PUBLIC"),
            Privilege("database", "researchflow", "TEMPORARY", "PUBLIC"),
            Privilege("schema", "public", "USAGE", "PUBLIC"),
        }

    def test_no_step_shows_a_secret(self, config: Config) -> None:
        shown = repr(steps(config, None))
        assert not [value for value in config.env.values() if value.reveal() in shown]

    def test_every_step_can_be_taken_back(self, config: Config) -> None:
        for step in steps(config, None):
            assert step.reversal
            assert step.group == "roles"

    @pytest.mark.parametrize(
        ("toml", "key"),
        [
            ('database = "postgres"', "database"),
            ('database = "template1"', "database"),
            ('database = "pg_x"', "database"),
            (f'database = "{"x" * 60}"', "database"),
            ('user = "postgres"', "user"),
            ('user = "public"', "user"),
            ('user = "pg_monitor"', "user"),
            ('user = "researchflow_backup"', "user"),
        ],
    )
    def test_impossible_names(
        self, configure: Callable[[str], Config], toml: str, key: str
    ) -> None:
        with pytest.raises(UsageError, match=rf"rfdata\.toml: postgres\.{key}"):
            steps(configure(toml), None)

    @pytest.mark.parametrize("connections", [20, 50, 200, 10_000])
    def test_limits_leave_everyone_something(
        self, configure: Callable[[str], Config], connections: int
    ) -> None:
        from rfdata.postgres.desired_roles import roles

        config = make_connections(configure, connections)
        limits = {n: r.connection_limit for n, r in roles(config).items() if r.login}
        assert all(limit >= 1 for limit in limits.values())
        names = role_names(config)
        ordinary = sum(limits[n] for n in names.with_login if n != names.backup)
        assert ordinary < connections


def make_connections(configure: Callable[[str], Config], connections: int) -> Config:
    config = configure("")
    postgres = config.settings.postgres.model_copy(update={"max_connections": connections})
    settings = config.settings.model_copy(update={"postgres": postgres})
    return Config(config.directory, settings, config.env, config.env_text)


class TestConvergence:
    def test_nothing_is_left_after_apply(self, cluster: Cluster) -> None:
        assert summaries(cluster) == []

    def test_what_is_planned_unseen_is_what_is_planned_from_facts(self) -> None:
        with new_cluster() as fresh:
            assert steps(fresh.config, fresh.facts()) == steps(fresh.config, None)

    def test_a_plan_that_stopped_anywhere_goes_on(self) -> None:
        """Half of the steps, then again from the facts: nothing is left."""
        from rfdata.postgres import actions

        with new_cluster() as fresh:
            while planned := steps(fresh.config, fresh.facts()):
                for step in planned[: max(1, len(planned) // 2)]:
                    actions.execute(fresh.operator, fresh.config, step.action)  # type: ignore[arg-type]

    def test_what_could_not_be_read_is_not_planned(self, cluster: Cluster) -> None:
        for path in ("roles", "databases", "database", "privileges", "extensions"):
            broken: PostgresFacts = with_fact(cluster.facts(), path, unread("gone", "nowhere"))
            with pytest.raises(FactUnread):
                steps(cluster.config, broken)


APP, READONLY, MONITOR = "researchflow_user", "researchflow_readonly", "researchflow_monitor"
OWNER, MIGRATOR, BACKUP = "researchflow_owner", "researchflow_migrator", "researchflow_backup"

DRIFT = {
    f"ALTER ROLE {APP} SUPERUSER": f"alter role {APP}: NOSUPERUSER",
    f"ALTER ROLE {READONLY} CREATEDB CREATEROLE": f"alter role {READONLY}: NOCREATEDB NOCREATEROLE",
    f"ALTER ROLE {MONITOR} CONNECTION LIMIT 100": f"alter role {MONITOR}: CONNECTION LIMIT 4",
    f"ALTER ROLE {BACKUP} NOREPLICATION NOBYPASSRLS": f"alter role {BACKUP}: REPLICATION BYPASSRLS",
    f"ALTER ROLE {OWNER} LOGIN": f"alter role {OWNER}: NOLOGIN",
    f"GRANT pg_write_all_data TO {APP}": f"take {APP} out of pg_write_all_data",
    f"GRANT {OWNER} TO {APP}": f"take {APP} out of {OWNER}",
    f"REVOKE {OWNER} FROM {MIGRATOR}": f"make {MIGRATOR} a member of {OWNER}",
    f"ALTER ROLE {READONLY} SET default_transaction_read_only = off": (
        f"for {READONLY}, set default_transaction_read_only = on"
    ),
    f"ALTER ROLE {MIGRATOR} RESET role": f"for {MIGRATOR}, set role = {OWNER}",
    f"ALTER ROLE {APP} PASSWORD 'other'": f"set the password of {APP} to POSTGRES_PASSWORD of .env",
    f"ALTER ROLE {MONITOR} PASSWORD NULL": (
        f"set the password of {MONITOR} to POSTGRES_MONITOR_PASSWORD of .env"
    ),
    f"SET password_encryption = md5; ALTER ROLE {APP} PASSWORD 'x'": (
        f"set the password of {APP} to POSTGRES_PASSWORD of .env"
    ),
    "ALTER DATABASE researchflow OWNER TO postgres": f"give database researchflow to {OWNER}",
    "ALTER SCHEMA public OWNER TO postgres": f"give schema public to {OWNER}",
    "GRANT CONNECT ON DATABASE researchflow TO PUBLIC": (
        "revoke CONNECT on database researchflow from PUBLIC"
    ),
    f"GRANT CREATE ON SCHEMA public TO {APP}": f"revoke CREATE on schema public from {APP}",
    f"REVOKE USAGE ON SCHEMA public FROM {APP}": f"grant USAGE on schema public to {APP}",
    "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO PUBLIC": (
        "revoke EXECUTE on function pg_read_file(text) from PUBLIC"
    ),
    f"REVOKE EXECUTE ON FUNCTION pg_switch_wal() FROM {BACKUP}": (
        f"grant EXECUTE on function pg_switch_wal() to {BACKUP}"
    ),
    f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} IN SCHEMA public GRANT INSERT ON TABLES TO {READONLY}": (
        f"revoke INSERT on all new tables in schema public from {READONLY}"
    ),
    f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} IN SCHEMA public REVOKE SELECT ON TABLES FROM {APP}": (
        f"grant SELECT on all new tables in schema public to {APP}"
    ),
    "DROP EXTENSION vector": "create extension vector",
    "DROP EXTENSION pg_stat_statements; CREATE EXTENSION pg_stat_statements VERSION '1.9'": (
        "update extension pg_stat_statements to the installed version"
    ),
}


@pytest.mark.parametrize("change", DRIFT)
def test_drift_is_found_and_mended(cluster: Cluster, change: str) -> None:
    try:
        cluster.run_sql(*change.split("; "), database="researchflow")
        assert DRIFT[change] in summaries(cluster)
    finally:
        cluster.apply()
    assert summaries(cluster) == []


def test_a_membership_that_somebody_else_granted(cluster: Cluster) -> None:
    cluster.run_sql(
        "CREATE ROLE admin CREATEROLE",
        "GRANT pg_read_all_data TO admin WITH ADMIN OPTION",
        "SET ROLE admin",
        f"GRANT pg_read_all_data TO {APP}",
    )
    try:
        assert summaries(cluster) == [f"take {APP} out of pg_read_all_data"]
        cluster.apply()
        assert summaries(cluster) == []
    finally:
        cluster.run_sql("DROP OWNED BY admin CASCADE", "DROP ROLE admin")


def test_other_people_s_roles_are_left_alone(cluster: Cluster) -> None:
    cluster.run_sql(
        "CREATE ROLE datadog LOGIN",
        "GRANT CONNECT ON DATABASE researchflow TO datadog",
        "GRANT EXECUTE ON FUNCTION pg_sleep(double precision) TO datadog",
        database="researchflow",
    )
    try:
        assert summaries(cluster) == []
    finally:
        cluster.run_sql("DROP OWNED BY datadog", "DROP ROLE datadog", database="researchflow")


@contextmanager
def session(cluster: Cluster, role: str) -> Iterator[client.Session]:
    with client.service(cluster.config, role) as connection:
        yield connection


@pytest.fixture
def table(cluster: Cluster) -> Iterator[str]:
    """A table with one row, made by the migrator as a migration would."""
    with session(cluster, MIGRATOR) as connection:
        connection.execute("CREATE TABLE papers (id serial PRIMARY KEY, embedding vector(3))")
        connection.execute("INSERT INTO papers (embedding) VALUES ('[1,2,3]')")
    yield "papers"
    with session(cluster, MIGRATOR) as connection:
        connection.execute("DROP TABLE papers")


def refused(cluster: Cluster, role: str, statement: str) -> str:
    """The SQLSTATE with which the server refuses it."""
    with session(cluster, role) as connection:
        try:
            connection.execute(statement.encode())
        except psycopg.Error as error:
            return error.sqlstate or ""
    return "done"


DENIED, READ_ONLY = "42501", "25006"


class TestLeastPrivilege:
    def test_what_the_migrator_makes_is_the_owner_s(self, cluster: Cluster, table: str) -> None:
        rows = cluster.run_sql(
            f"SELECT tableowner FROM pg_tables WHERE tablename = '{table}'", database="researchflow"
        )
        assert rows == [(OWNER,)]

    def test_the_app_reads_and_writes_rows(self, cluster: Cluster, table: str) -> None:
        with session(cluster, APP) as connection:
            connection.execute("INSERT INTO papers (embedding) VALUES ('[3,2,1]')")
            connection.execute("UPDATE papers SET embedding = '[0,0,0]' WHERE id = 2")
            rows = connection.execute("SELECT count(*) FROM papers").fetchall()
            connection.execute("DELETE FROM papers WHERE id = 2")
            connection.execute("CREATE TEMPORARY TABLE staging (id int)")
        assert rows == [(2,)]

    @pytest.mark.parametrize(
        "statement",
        [
            "CREATE TABLE public.mine (id int)",
            "CREATE SCHEMA mine",
            "ALTER TABLE papers ADD COLUMN x int",
            "DROP TABLE papers",
            "TRUNCATE papers",
            "CREATE ROLE mine",
            f"SET ROLE {OWNER}",
            "SELECT rolpassword FROM pg_authid",
            "SELECT pg_read_file('/etc/passwd')",
            "COPY papers TO PROGRAM 'id'",
            "SELECT pg_switch_wal()",
            "ALTER SYSTEM SET fsync = off",
        ],
    )
    def test_the_app_does_nothing_else(self, cluster: Cluster, table: str, statement: str) -> None:
        assert refused(cluster, APP, statement) == DENIED

    def test_readonly_reads(self, cluster: Cluster, table: str) -> None:
        with session(cluster, READONLY) as connection:
            assert connection.execute("SELECT count(*) FROM papers").fetchall() == [(1,)]

    @pytest.mark.parametrize(
        ("statement", "sqlstate"),
        [
            ("INSERT INTO papers (embedding) VALUES ('[1,1,1]')", READ_ONLY),
            ("SET default_transaction_read_only = off", "done"),
            ("CREATE TABLE mine (id int)", READ_ONLY),
        ],
    )
    def test_readonly_does_not_write(
        self, cluster: Cluster, table: str, statement: str, sqlstate: str
    ) -> None:
        assert refused(cluster, READONLY, statement) == sqlstate

    def test_readonly_does_not_write_by_switching_its_setting_off(
        self, cluster: Cluster, table: str
    ) -> None:
        with session(cluster, READONLY) as connection:
            connection.execute("SET default_transaction_read_only = off")
            for statement in (b"DELETE FROM papers", b"CREATE TABLE public.mine (id int)"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)

    def test_monitor_sees_statistics_but_no_rows(self, cluster: Cluster, table: str) -> None:
        with session(cluster, MONITOR) as connection:
            connection.execute("SELECT count(*) FROM pg_stat_statements")
            rows = connection.execute(
                "SELECT count(*) FROM pg_settings WHERE name = 'data_directory'"
            ).fetchall()
        assert rows == [(1,)]
        assert refused(cluster, MONITOR, "SELECT * FROM papers") == DENIED
        assert refused(cluster, MONITOR, "CREATE TABLE mine (id int)") == DENIED

    def test_backup_calls_what_a_backup_calls(self, cluster: Cluster, table: str) -> None:
        with session(cluster, BACKUP) as connection:
            connection.execute("SELECT pg_backup_start('x', true)")
            connection.execute("SELECT pg_backup_stop(false)")
            connection.execute("SELECT pg_switch_wal()")
            connection.execute("SELECT pg_create_restore_point('x')")
            connection.execute("CHECKPOINT")
            connection.execute("SELECT * FROM papers")
        assert refused(cluster, BACKUP, "DELETE FROM papers") == DENIED
        assert refused(cluster, BACKUP, "CREATE TABLE public.mine (id int)") == DENIED

    def test_backup_dumps_and_copies_the_cluster(self, cluster: Cluster, table: str) -> None:
        common = ("-h", str(cluster.paths.socket), "-p", str(cluster.port), "-U", BACKUP)
        dump = cluster.tool("pg_dump", *common, "researchflow")
        assert "CREATE TABLE public.papers" in dump
        place = cluster.root / "data" / "base-backup"
        copy = Command(
            (
                *(str(cluster.runtime.tool("pg_basebackup")), *common, "-D", str(place)),
                *("-c", "fast", "-X", "stream", "--no-sync"),
            ),
            user=SYSTEM_USER,
            cwd=cluster.root,
        )
        try:
            run(copy)
            assert (place / "backup_manifest").exists()
        finally:
            run(Command(("rm", "-rf", str(place))))

    def test_a_role_that_nobody_planned_gets_nowhere(self, cluster: Cluster, table: str) -> None:
        cluster.run_sql("CREATE ROLE guest LOGIN")
        try:
            rows = cluster.run_sql(
                "SELECT has_database_privilege('guest', 'researchflow', 'CONNECT'), "
                "has_schema_privilege('guest', 'public', 'USAGE')",
                database="researchflow",
            )
        finally:
            cluster.run_sql("DROP ROLE guest")
        assert rows == [(False, False)]

    def test_an_app_that_fills_its_limit_leaves_the_others_theirs(self, cluster: Cluster) -> None:
        limit = cluster.facts().roles.value[APP].connection_limit
        open_ones = [client.service(cluster.config) for _ in range(limit)]
        try:
            for connection in open_ones:
                connection.__enter__()
            with pytest.raises(Unreachable, match="too many connections for role"):
                client.service(cluster.config).__enter__()
            with session(cluster, MONITOR) as connection_:
                connection_.execute("SELECT 1")
            cluster.run_sql("SELECT 1")
        finally:
            for connection in open_ones:
                connection.__exit__(None, None, None)
