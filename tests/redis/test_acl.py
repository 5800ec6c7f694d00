"""Who may do what: tried on a live server, one command at a time."""

from __future__ import annotations

import threading

import pytest
from tests.redis.conftest import TIMEOUT, Instance, Launch

from rfdata.model.facts import AclUser
from rfdata.redis import acl, client
from rfdata.redis.client import Refused, Session
from rfdata.redis.instance import USERS, User, password
from rfdata.secrets import Secret, generate

PASSWORDS: dict[User, Secret] = {user: generate() for user in USERS}

APP_MAY = [
    "SET k v EX 60",
    "GET k",
    "DEL k",
    "UNLINK k",
    "INCR n",
    "EXPIRE n 10",
    "SCAN 0",
    "TYPE n",
    "SELECT 1",
    "PING",
    "ECHO x",
    "INFO",
    "CLIENT SETNAME worker",
    "CLIENT GETNAME",
    "CLIENT ID",
    "CLIENT LIST",
    "HSET h a 1",
    "HGETALL h",
    "ZADD z 1 a",
    "ZRANGEBYSCORE z 0 9",
    "BZPOPMIN z 1",
    "LPUSH l a",
    "BRPOPLPUSH l m 1",
    "BLMOVE m l LEFT RIGHT 1",
    "XADD s * f v",
    "XLEN s",
    "XGROUP CREATE s g 0",
    "XREADGROUP GROUP g c COUNT 1 STREAMS s >",
    "XAUTOCLAIM s g c 0 0",
    "PUBLISH c hello",
    "PUBSUB CHANNELS",
    "MULTI",
    "DISCARD",
    "WATCH k",
    "UNWATCH",
    "EVAL return(1) 0",
    "SCRIPT EXISTS 0000000000000000000000000000000000000000",
    "OBJECT ENCODING n",
    "MEMORY USAGE n",
    "DBSIZE",
    "TIME",
    "WAIT 0 1",
    "COMMAND COUNT",
]
APP_MUST_NOT = [
    "FLUSHALL",
    "FLUSHDB",
    "KEYS *",
    "CONFIG GET *",
    "CONFIG SET maxmemory 1",
    "CONFIG REWRITE",
    "DEBUG SLEEP 0",
    "SHUTDOWN NOSAVE",
    "SAVE",
    "BGSAVE",
    "BGREWRITEAOF",
    "ACL LIST",
    "ACL SETUSER evil on nopass +@all",
    "CLIENT KILL ID 1",
    "CLIENT PAUSE 1",
    "MONITOR",
    "REPLICAOF NO ONE",
    "MIGRATE 127.0.0.1 1 k 0 1",
    "RESTORE k 0 x",
    "SWAPDB 0 1",
    "SORT l",
    "MODULE LIST",
    "SLOWLOG GET",
    "LATENCY RESET",
    "CLUSTER RESET",
    "PSYNC ? -1",
]
MONITOR_MAY = [
    "PING",
    "INFO everything",
    "CONFIG GET maxmemory",
    "CLIENT LIST",
    "SLOWLOG GET",
    "SLOWLOG LEN",
    "LATENCY LATEST",
    "DBSIZE",
    "MEMORY STATS",
    "LASTSAVE",
    "ROLE",
    "ACL WHOAMI",
]
MONITOR_MUST_NOT = [
    "GET k",
    "SET k v",
    "SCAN 0",
    "KEYS *",
    "XREAD STREAMS s 0",
    "EVAL return(1) 0",
    "PUBLISH c x",
    "SUBSCRIBE c",
    "CONFIG SET maxmemory 1",
    "CLIENT KILL ID 1",
    "ACL LIST",
    "FLUSHALL",
    "SHUTDOWN",
    "DUMP k",
    "MEMORY USAGE k",
    "OBJECT FREQ k",
    "MONITOR",
]
ADMIN_MAY = ["CONFIG GET *", "ACL LIST", "SLOWLOG RESET", "CLIENT NO-EVICT on", "LATENCY DOCTOR"]


@pytest.mark.parametrize(
    ("user", "command"),
    [
        *(("default", command) for command in APP_MAY),
        *(("monitor", command) for command in MONITOR_MAY),
        *(("admin", command) for command in ADMIN_MAY),
    ],
)
def test_what_a_user_needs_is_allowed(running: Instance, user: User, command: str) -> None:
    with running.session(user) as line:
        assert "permission" not in _answer(line, command)


def _answer(line: Session, command: str) -> str:
    """A wrong type or a group that is there already is no matter of permission."""
    try:
        return str(line.call(*command.split()))
    except Refused as error:
        return error.message


@pytest.mark.parametrize(
    ("user", "command"),
    [
        *(("default", command) for command in APP_MUST_NOT),
        *(("monitor", command) for command in MONITOR_MUST_NOT),
    ],
)
def test_what_a_user_does_not_need_is_refused(running: Instance, user: User, command: str) -> None:
    with running.session(user) as line, pytest.raises(Refused, match=r"permission|not allowed"):
        line.call(*command.split())


def test_a_script_may_do_no_more_than_its_caller(running: Instance) -> None:
    with running.session("default") as line:
        moved = line.call(
            "EVAL",
            "redis.call('LPUSH', KEYS[1], ARGV[1]); return redis.call('RPOPLPUSH', KEYS[1], KEYS[2])",
            *(2, "{jobs}:wait", "{jobs}:active", "job-1"),
        )
        assert moved == "job-1"
        with pytest.raises(Refused):
            line.call("EVAL", "return redis.call('FLUSHALL')", 0)


def test_subscribers_get_what_is_published(running: Instance) -> None:
    import redis

    login = running.login("default")
    assert login.password is not None
    with redis.Redis(
        host=login.host,
        port=login.port,
        password=login.password.reveal(),
        ssl=True,
        ssl_ca_certs=str(login.ca_file),
        decode_responses=True,
    ) as app:
        subscriber = app.pubsub(ignore_subscribe_messages=True)
        subscriber.subscribe("room")
        got: list[object] = []
        reader = threading.Thread(
            target=lambda: got.extend(m["data"] for m in _messages(subscriber, 1))
        )
        reader.start()
        while not app.publish("room", "hello"):
            pass
        reader.join(TIMEOUT)
        subscriber.close()
        with app.lock("lock", timeout=5), app.pipeline(transaction=True) as pipe:
            pipe.set("a", "1").incr("a").execute()
        assert app.get("a") == "2"
    assert got == ["hello"]


def _messages(subscriber: object, count: int) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for message in subscriber.listen():  # type: ignore[attr-defined]
        found.append(message)
        if len(found) == count:
            break
    return found


def test_the_server_says_back_what_we_rendered(running: Instance) -> None:
    with running.session() as line:
        lines = [str(user) for user in line.call("ACL", "LIST")]
    passwords: dict[User, Secret] = {
        user: password(running.config, running.server, user) for user in USERS
    }
    assert acl.departures(acl.parse(lines, passwords)) == ()
    rendered = acl.render(passwords).splitlines()
    assert {acl.identity(user) for user in lines} == {acl.identity(user) for user in rendered}


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("SETUSER guest on nopass ~* +get", "guest: not one of our users"),
        ("SETUSER default nopass", "default: needs no password"),
        ("SETUSER default resetpass >other", "default: another password than in .env"),
        ("SETUSER default >second", "default: another password than in .env"),
        ("SETUSER monitor off", "monitor: switched off"),
        ("SETUSER monitor +get", "monitor: other rules"),
        ("SETUSER default +@all", "default: other rules"),
        ("SETUSER monitor ~*", "monitor: other rules"),
        ("DELUSER monitor", "monitor: missing"),
    ],
)
def test_every_departure_from_the_file_is_told(
    launch: Launch, command: str, complaint: str
) -> None:
    instance = launch()
    with instance.session() as line:
        line.call("ACL", *command.split())
        lines = [str(user) for user in line.call("ACL", "LIST")]
    passwords: dict[User, Secret] = {
        user: password(instance.config, instance.server, user) for user in USERS
    }
    (told,) = acl.departures(acl.parse(lines, passwords))
    assert told.startswith(complaint)


def test_the_file_holds_hashes_only() -> None:
    text = acl.render(PASSWORDS)
    assert text.count("\n") == len(USERS)
    for secret in PASSWORDS.values():
        assert secret.reveal() not in text
        assert f"#{acl.password_hash(secret)}" in text
    assert ">" not in text


def test_a_user_of_someone_elses_server_is_read_too() -> None:
    lines = ["user default off nopass sanitize-payload resetchannels -@all", "user app on ~k* +get"]
    found = acl.parse(lines, {"app": Secret("x")})
    assert found["default"] == AclUser(
        enabled=False,
        no_password=True,
        password_matches=False,
        rules="sanitize-payload resetchannels -@all",
    )
    assert found["app"].password_matches is False


def test_the_monitor_sees_no_password_in_its_settings(running: Instance) -> None:
    with client.session(running.login("monitor"), TIMEOUT) as line:
        settings = line.pairs("CONFIG", "GET", "*pass*")
    assert not any(settings.values())
