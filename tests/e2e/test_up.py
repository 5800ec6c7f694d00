"""`rfdata init` and `rfdata up`: the whole way, and again, and after every kind of change."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from tests.e2e import layer
from tests.e2e.conftest import Born
from tests.e2e.layer import Deployment

from rfdata.model.facts import Server


def test_init_and_up_build_a_layer_on_which_every_line_is_decided(born: Born) -> None:
    layer.assert_all_good(born.report)
    assert born.report["schema"] == "rfdata/report/1"
    assert born.report["steps"] == len(born.first_plan) > 20
    assert len(born.report["plans"]) == 1
    assert all(born.deployment.pids().values())


def test_the_first_plan_shows_files_settings_roles_and_processes(born: Born) -> None:
    groups = {step["group"] for step in born.first_plan}
    assert {"files", "roles", "processes"} <= groups
    assert all(step["summary"] and step["reversal"] for step in born.first_plan)


def test_up_writes_the_reports_that_it_names(born: Born) -> None:
    folder = born.deployment.directory / "reports"
    assert {path.suffix for path in folder.iterdir()} >= {".json", ".md", ".xml", ".html"}


def test_a_second_up_changes_nothing_and_says_so(calm: Deployment) -> None:
    before = calm.pids()
    again = calm.rfdata("up", "--yes")
    assert "Nothing changed" in again.out
    assert calm.pids() == before
    report = calm.up()
    assert (report["steps"], report["plans"]) == (0, [])
    layer.assert_all_good(report)


def test_after_up_the_plan_is_empty(calm: Deployment) -> None:
    assert calm.plan() == []
    assert "Nothing to do" in calm.rfdata("plan").out


def test_neither_plan_nor_verify_nor_status_changes_a_file(calm: Deployment) -> None:
    rendered = [home.conf for home in calm.places.homes] + [calm.directory / "certs"]
    data = calm.places.home("postgres").data
    configured = [data / name for name in ("postgresql.conf", "pg_hba.conf", "pg_ident.conf")]
    with layer.nothing_changes(calm.toml, calm.env_file, *rendered, *configured):
        for verb in ("plan", "verify", "status", "doctor"):
            calm.rfdata(verb, code=(0, 3) if verb == "doctor" else 0)


def test_status_shows_every_server_on_one_screen(calm: Deployment) -> None:
    text = calm.rfdata("status").out
    assert len(text.splitlines()) <= 25
    for words in ("postgres", "redis", "redis-durable", "answers", "backup", "checklist"):
        assert words in text
    found = calm.rfdata("status", "--format", "json").json
    assert found["schema"] == "rfdata/status/1"
    assert found["all_reached"] is True
    assert found["totals"]["lines"] == layer.LINES
    ports = dict(zip(("postgres", "redis", "redis-durable"), ports_of(calm), strict=True))
    for row in found["servers"]:
        assert row["running"] is row["reached"] is True
        assert row["address"] == f"127.0.0.1:{ports[row['server']]}"
        assert row["version"]
        assert row["memory"] > 0
        assert row["connections"] >= 0
        assert 800 < row["certificate_days"] <= 825


def ports_of(found: Deployment) -> tuple[int, int, int]:
    settings = found.settings
    return tuple(settings[name]["port"] for name in ("postgres", "redis", "redis_durable"))


def test_down_keeps_every_row_and_key(live: Deployment) -> None:
    with live.migrator() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (word text)")
    with live.connect() as connection:
        connection.execute("INSERT INTO kept VALUES ('a row')")
    servers: tuple[Server, ...] = ("redis", "redis-durable")
    for server in servers:
        with live.redis(server) as client:
            client.set("kept", server)
    before = live.pids()

    said = live.rfdata("down", "--yes")
    assert "postgres, redis, redis-durable" in said.out
    assert not any(process and process.alive for process in before.values())
    assert "nothing was running" in live.rfdata("down", "--yes").out

    layer.assert_all_good(live.up())
    with live.connect() as connection:
        assert connection.execute("SELECT word FROM kept").fetchall() == [("a row",)]
    for server in servers:
        with live.redis(server) as client:
            assert client.get("kept") == server
            client.delete("kept")
    with live.migrator() as connection:
        connection.execute("DROP TABLE kept")


# --- changed settings


def test_a_setting_that_needs_only_a_reload_restarts_nothing(live: Deployment) -> None:
    before = live.pids()
    live.set("postgres", "log_min_duration_statement", '"250ms"')
    steps = live.plan()
    assert {"WriteFile", "ReloadServer"} <= {step["action"] for step in steps}
    assert "RestartServer" not in {step["action"] for step in steps}
    assert "log_min_duration_statement = " in live.rfdata("plan").out
    report = live.up()
    layer.assert_all_good(report)
    assert report["steps"] == len(steps)
    assert live.setting("log_min_duration_statement") == "250ms"
    assert live.pids() == before
    assert live.plan() == []


def test_a_setting_that_needs_a_restart_is_announced_before_anything_is_done(
    live: Deployment,
) -> None:
    before = live.pids()
    live.set("postgres", "max_connections", "210")
    [restart] = [step for step in live.plan() if step["action"] == "RestartServer"]
    assert restart["summary"].startswith("RESTART postgres")
    assert "connections are cut" in restart["summary"]
    assert "max_connections" in restart["summary"]
    assert restart["summary"] in live.rfdata("plan").out
    assert live.setting("max_connections") == "200"
    assert live.pids() == before
    layer.assert_all_good(live.up())
    assert live.setting("max_connections") == "210"
    after = live.pids()
    changed = {server for server in after if after[server] != before[server]}
    assert changed == {"postgres"}
    assert live.plan() == []


def test_redis_takes_a_new_maxmemory_while_it_runs(live: Deployment) -> None:
    before = live.pids()
    live.set("redis", "maxmemory", '"1100MB"')
    assert "CONFIG SET" in live.rfdata("plan").out
    layer.assert_all_good(live.up())
    assert live.redis_setting("maxmemory") == str(1100 * 1024**2)
    assert live.redis_setting("maxmemory", "redis-durable") == str(1024**3)
    assert live.pids() == before
    assert live.plan() == []


def test_another_port_reaches_the_server_and_env(live: Deployment) -> None:
    secrets, old, new = live.secrets, live.settings["postgres"]["port"], live.ports.spare
    live.set("postgres", "port", str(new))
    assert "RESTART postgres" in live.rfdata("plan").out
    layer.assert_all_good(live.up())
    assert live.env["POSTGRES_PORT"] == str(new)
    assert f":{new}/" in live.env["DATABASE_URL"]
    assert live.secrets == secrets
    with live.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert layer.is_free(old)
    assert live.plan() == []


def test_a_setting_that_only_a_new_cluster_can_have_is_refused(live: Deployment) -> None:
    before = live.pids()
    text = live.toml.read_text(encoding="utf-8")
    live.toml.write_text(
        text.replace("[postgres.settings]", "[postgres.settings]\nblock_size = 16384"),
        encoding="utf-8",
    )
    refused = live.rfdata("up", "--yes", code=2)
    assert "block_size" in refused.err
    assert live.pids() == before


def test_the_whole_layer_can_be_the_dev_profile(make: Callable[..., Deployment]) -> None:
    found = make("deployment", "--profile=dev")
    layer.assert_all_good(found.up())
    assert found.redis_setting("maxmemory") == str(2 * 1024**3)
    assert found.plan() == []


def test_a_moved_deployment_is_the_same_deployment(make: Callable[..., Deployment]) -> None:
    found = make()
    found.rfdata("up", "--yes")
    with found.redis("redis-durable") as client:
        client.set("kept", "yes")
    found.rfdata("down", "--yes")
    there = Deployment(found.directory.with_name("moved"), found.ports)
    found.directory.rename(there.directory)
    try:
        layer.assert_all_good(there.up())
        with there.redis("redis-durable") as client:
            assert client.get("kept") == "yes"
        assert str(there.directory) in there.env["DATABASE_URL"]
        assert there.plan() == []
    finally:
        there.rfdata("down", "--yes", code=None)
        there.directory.rename(found.directory)


def test_a_server_that_died_is_started_again_by_the_watch(live: Deployment) -> None:
    died = live.pids()["redis"]
    layer.kill(died)
    layer.wait_for("redis runs again", lambda: live.pids()["redis"] not in (None, died))
    layer.wait_for("it answers", lambda: live.rfdata("verify", code=None).code == 0)


def test_init_gives_the_next_free_port_and_names_the_holder(
    tmp_path: Path,
) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        refused = layer.call("-C", tmp_path / "other", "init", f"--postgres-port={port}", code=2)
    assert f"port {port} (postgres) is busy" in refused.err
    assert "python" in refused.err
    assert not (tmp_path / "other").exists()
