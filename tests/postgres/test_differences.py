"""Settings are compared as PostgreSQL compares them, and each difference says what mends it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.postgres.conftest import Cluster

from rfdata.config.quantities import format_duration, format_size
from rfdata.model.facts import Setting
from rfdata.postgres import tuning
from rfdata.postgres.conf import Desired
from rfdata.postgres.differences import Change, differences, quantity, same, shown
from rfdata.postgres.tuning import Host

BLOCKS = Setting("32768", "8kB", "postmaster", "configuration file", False, "integer", "16384")
SWITCH = Setting("on", "", "sighup", "configuration file", False, "bool", "off")


def change(wanted: str, live: Setting, name: str = "x") -> Change | None:
    found = differences({name: Desired(wanted, "Why.")}, {name: live})
    return found[0] if found else None


@pytest.mark.parametrize(
    ("wanted", "value", "unit", "type"),
    [
        ("256MB", "32768", "8kB", "integer"),
        ("32768", "32768", "8kB", "integer"),
        ("1s", "1000", "ms", "integer"),
        ("1000", "1000", "ms", "integer"),
        ("1d", "1440", "min", "integer"),
        ("0", "0", "ms", "integer"),
        ("-1", "-1", "ms", "integer"),
        ("0.9", "0.9", "", "real"),
        ("0.90", "0.9", "", "real"),
        ("4", "4", "", "real"),
        ("2", "2", "ms", "real"),
        ("100us", "0.1", "ms", "real"),
        ("0640", "0640", "", "integer"),
        ("0x10", "16", "", "integer"),
        ("true", "on", "", "bool"),
        ("ON", "on", "", "bool"),
        ("1", "on", "", "bool"),
        ("n", "off", "", "bool"),
        ("yes", "on", "", "enum"),
        ("tlsv1.2", "TLSv1.2", "", "enum"),
        ("a, b", "a,b", "", "string"),
        ("", "", "", "string"),
        ("prefix ", "prefix ", "", "string"),
        ("2GB", "2048", "MB", "integer"),
        ("16MB", "1", "16MB", "integer"),
    ],
)
def test_equal_values(wanted: str, value: str, unit: str, type: str) -> None:
    live = Setting(value, unit, "sighup", "configuration file", False, type)
    assert same("listen_addresses" if "," in wanted else "x", wanted, live)


@pytest.mark.parametrize(
    ("name", "wanted", "value", "type"),
    [
        ("wal_compression", "on", "pglz", "enum"),
        ("wal_level", "hot_standby", "replica", "enum"),
        ("timezone", "utc", "UTC", "string"),
        ("unix_socket_directories", '"/a b"', "/a b", "string"),
        ("SHARED_PRELOAD_LIBRARIES", '"pg_stat_statements"', "pg_stat_statements", "string"),
    ],
)
def test_other_words_for_the_same(name: str, wanted: str, value: str, type: str) -> None:
    assert same(name, wanted, Setting(value, "", "sighup", "default", False, type))


@pytest.mark.parametrize(
    ("wanted", "value", "unit", "type"),
    [
        ("257MB", "32768", "8kB", "integer"),
        ("256", "32768", "8kB", "integer"),
        ("off", "on", "", "bool"),
        ("ddl", "mod", "", "enum"),
        ("prefix", "prefix ", "", "string"),
        ("1.0", "1", "", "string"),
        ("on", "remote_write", "", "enum"),
        ("0.8", "0.9", "", "real"),
    ],
)
def test_different_values(wanted: str, value: str, unit: str, type: str) -> None:
    assert not same("x", wanted, Setting(value, unit, "sighup", "default", False, type))


@given(
    st.integers(1, 2**20), st.sampled_from([("B", 1), ("kB", 1024), ("8kB", 8192), ("MB", 1024**2)])
)
def test_any_size_equals_itself_in_any_unit(number: int, unit: tuple[str, int]) -> None:
    live = Setting(str(number), unit[0], "user", "default", False, "integer")
    assert same("x", format_size(number * unit[1]), live)
    assert same("x", shown(live.value, live.unit), live)
    assert not same("x", format_size((number + 1) * unit[1]), live)


@given(st.integers(1, 2**30), st.sampled_from([("ms", 0.001), ("s", 1.0), ("min", 60.0)]))
def test_any_duration_equals_itself_in_any_unit(number: int, unit: tuple[str, float]) -> None:
    live = Setting(str(number), unit[0], "user", "default", False, "integer")
    assert same("x", format_duration(number * unit[1]), live)
    assert not same("x", format_duration((number + 1) * unit[1]), live)


@given(st.text(), st.sampled_from(["", "8kB", "ms"]))
def test_no_text_breaks_the_comparison(text: str, unit: str) -> None:
    quantity(text, unit)
    shown(text, unit)
    for type in ("bool", "enum", "integer", "real", "string", ""):
        same("x", text, Setting("1", unit, "user", "default", False, type))


@pytest.mark.parametrize(
    ("context", "source", "effect"),
    [
        ("sighup", "configuration file", "reload"),
        ("user", "default", "reload"),
        ("superuser-backend", "default", "reload"),
        ("postmaster", "configuration file", "restart"),
        ("sighup", "command line", "restart"),
        ("internal", "default", "recreate"),
    ],
)
def test_the_effect_follows_the_context(context: str, source: str, effect: str) -> None:
    live = replace(BLOCKS, context=context, source=source)
    assert change("1GB", live) == Change("x", "256MB", "1GB", effect)  # type: ignore[arg-type]


def test_alter_system_has_to_be_taken_back_even_where_it_agrees() -> None:
    found = change("256MB", replace(BLOCKS, altered=True))
    assert found == Change("x", "256MB", "256MB", "reload", overridden=True)


def test_alter_system_of_a_setting_that_needs_a_restart() -> None:
    found = change("512MB", replace(BLOCKS, altered=True))
    assert found == Change("x", "256MB", "512MB", "restart", overridden=True)


def test_a_setting_that_the_file_no_longer_names_goes_back_to_its_default() -> None:
    found = differences({}, {"shared_buffers": BLOCKS})
    assert found == (Change("shared_buffers", "256MB", "128MB (default)", "restart"),)


@pytest.mark.parametrize(
    "live",
    [
        replace(BLOCKS, source="default"),
        replace(BLOCKS, source="override"),
        replace(BLOCKS, source="client"),
        replace(BLOCKS, value="16384"),
        replace(BLOCKS, source="configuration file", altered=True),
        replace(SWITCH, source="database"),
    ],
)
def test_what_nobody_wrote_into_the_file_is_left_alone(live: Setting) -> None:
    assert differences({}, {"x": live}) == ()


def test_but_alter_system_of_a_safety_setting_is_not() -> None:
    live = Setting("on", "", "sighup", "configuration file", False, "bool", "off", altered=True)
    found = differences({}, {"zero_damaged_pages": live})
    assert found[0].overridden


def test_a_setting_that_the_server_does_not_know() -> None:
    found = differences({"nonsense": Desired("1", "Why.")}, {})
    assert found[0].effect == "restart"


class TestLive:
    """Against a server that runs with what `render` wrote."""

    def test_nothing_is_left_to_change(self, cluster: Cluster) -> None:
        assert differences(cluster.desired, cluster.facts().settings.value) == ()

    def test_drift_by_alter_system(self, cluster: Cluster) -> None:
        cluster.run_sql("ALTER SYSTEM SET log_statement = 'none'")
        cluster.run_sql("ALTER SYSTEM SET shared_buffers = '64MB'")
        try:
            cluster.reload()
            found = differences(cluster.desired, cluster.facts().settings.value)
        finally:
            cluster.run_sql("ALTER SYSTEM RESET ALL")
            cluster.reload()
        assert {c.name: (c.old, c.effect, c.overridden) for c in found} == {
            "log_statement": ("none", "reload", True),
            "shared_buffers": ("32MB", "restart", True),
        }
        assert differences(cluster.desired, cluster.facts().settings.value) == ()

    def test_a_line_that_is_no_longer_desired(self, cluster: Cluster) -> None:
        with cluster.changed(conf="random_page_cost = 1.1\nwork_mem = '4096kB'\n"):
            found = differences(cluster.desired, cluster.facts().settings.value)
        assert found == (Change("random_page_cost", "1.1", "4 (default)", "reload"),)

    def test_one_database_s_own_setting_is_not_the_server_s(self, cluster: Cluster) -> None:
        cluster.run_sql("ALTER DATABASE researchflow SET statement_timeout = '1min'")
        try:
            assert differences(cluster.desired, cluster.facts().settings.value) == ()
        finally:
            cluster.run_sql("ALTER DATABASE researchflow RESET statement_timeout")

    def test_auto_tuned_settings_are_as_postgres_shows_them(self, cluster: Cluster) -> None:
        wanted = tuning.memory(cluster.config, Host(4 * 1024**3, 2))
        reloadable = {
            name: setting
            for name, setting in wanted.items()
            if cluster.facts().settings.value[name].context != "postmaster"
        }
        conf = "".join(f"{name} = '{setting.value}'\n" for name, setting in reloadable.items())
        with cluster.changed(conf=conf):
            assert differences(cluster.desired | reloadable, cluster.facts().settings.value) == ()
