"""Section 3: Redis as it should be configured, twice: the cache and the durable one."""

from __future__ import annotations

from rfdata.checklist.line import Line
from rfdata.checklist.lines.ids import both, on_both

TWO = "two Redis servers, because eviction and persistence are settings of a whole server (decisions, 5)"

LINES: tuple[Line, ...] = (
    Line(
        "3.1",
        "Services are told the hosts of both Redis servers, and they have an address",
        checks=(*on_both("env", "host"), "deployment.hosts_resolve"),
        deviation=TWO,
    ),
    Line(
        "3.2",
        "Services are told the ports that both Redis servers listen on",
        checks=on_both("env", "port"),
        deviation=TWO,
    ),
    Line(
        "3.3",
        "Both Redis passwords are long and random enough",
        checks=(*on_both("env", "password"), "env.password_entropy"),
    ),
    Line(
        "3.4",
        "Both connection URLs say the same as their parts, and let a service in",
        checks=(*on_both("env", "url"), *on_both("probe", "login")),
        deviation="rediss:// instead of redis://: with TLS the other can't connect (decisions, 19)",
    ),
    Line(
        "3.5",
        "Services are told to use TLS with Redis, and nothing else is let in",
        checks=(*on_both("env", "tls"), *on_both("probe", "plaintext_refused")),
    ),
    Line(
        "3.6",
        "Both Redis servers present certificates that our clients trust, in time and for their names",
        checks=on_both("tls", "chain", "names", "days_left", "live"),
    ),
    Line(
        "3.7",
        "The keys behind them are strong, and only the servers can read them",
        checks=on_both("tls", "key_type", "key_file"),
    ),
    Line(
        "3.8",
        "Clients have the authority by which they know the servers",
        checks=("tls.ca_valid", *on_both("tls", "chain"), *on_both("probe", "foreign_ca_refused")),
    ),
    Line(
        "3.9",
        "Both have a limit for their data, with room above it for forks and buffers",
        checks=both("maxmemory", "memory_headroom"),
        deviation="the memory limit is a quarter or more above maxmemory (decisions, 4)",
    ),
    Line(
        "3.10",
        "Each does the right thing when it is full: the cache forgets, the durable one refuses",
        checks=(*both("maxmemory_policy"), "redis.evicts", "redis-durable.never_evicts"),
        deviation=TWO,
    ),
    Line(
        "3.11",
        "The servers are Redis 7 or newer",
        checks=(*both("version"), *on_both("host", "program")),
        deviation="programs on this host instead of an image",
    ),
    Line(
        "3.12",
        "Production's Redis passwords have 32 characters or more, and are the ones in use",
        checks=(*on_both("env", "password"), *both("default_password")),
    ),
    Line(
        "3.13",
        "The data limits are the profile's: 1 GB or more in production, 2 GB for the dev cache",
        checks=(*both("maxmemory"), "redis-durable.memory_left"),
    ),
    Line(
        "3.14",
        "The cache drops what was used least recently; the durable one drops nothing",
        checks=(
            *both("maxmemory_policy"),
            "redis.evicts",
            "redis-durable.never_evicts",
            "redis-durable.nothing_evicted",
        ),
        deviation=TWO,
    ),
    Line(
        "3.15",
        "Both write every change to a file, and the file is in order",
        checks=both("appendonly", "aof_healthy", "loaded", "primary"),
    ),
    Line(
        "3.16",
        "Redis's certificates are issued, in use, and turned down by strangers",
        checks=(
            *on_both("tls", "chain", "days_left", "lifetime", "live"),
            *on_both("probe", "foreign_ca_refused"),
        ),
    ),
    Line(
        "3.17",
        "The data of both has a place of its own that outlives the servers",
        checks=on_both("host", "data_mode", "data_owner", "disk_persistent", "disk_free"),
        deviation="folders of mode 0700 on a persistent disk instead of a Docker volume",
    ),
    Line(
        "3.18",
        "Somebody asks both every ten seconds whether they work, and notices when not",
        checks=(
            *on_both("probe", "login"),
            *on_both("host", "health"),
            "host.watch_interval",
            "host.watch_timeout",
            "host.watch_retries",
        ),
        deviation="an authenticated PING that must answer PONG: INCR writes a key, and redis-cli "
        "exits 0 on NOAUTH (decisions, 1); the watch polls instead of Docker",
    ),
    Line(
        "3.19",
        "Both speak TLS on their one port, in versions that are not broken",
        checks=(*both("tls_port", "tls_protocols"), *on_both("tls", "protocol")),
    ),
    Line(
        "3.20",
        "Neither has a port without TLS",
        checks=(*both("plaintext_port"), *on_both("probe", "plaintext_refused")),
    ),
    Line(
        "3.21",
        "Database 0 is there for the services, database 1 for the collab service",
        checks=both("databases"),
        deviation="on both servers; collab documents belong on the durable one (decisions, 5)",
    ),
)
