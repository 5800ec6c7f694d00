# ruff: noqa: ARG001 - every check takes the same two arguments
"""The machine under the servers: programs, processes, data folders, disks, listening sockets."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from rfdata.checklist.deployment import described
from rfdata.checklist.item import Check, item, judge, withheld
from rfdata.checklist.servers import SECTION, TITLE, limits_of, of_server, server_settings
from rfdata.checklist.words import age, listing, mode, size
from rfdata.config.load import Config
from rfdata.model.fact import Fact
from rfdata.model.facts import Facts, Process, Server
from rfdata.model.verdict import Verdict

FLEETING = frozenset({"tmpfs", "ramfs", "overlay", "overlayfs", "aufs", "rootfs", "squashfs"})
"""File systems that a restart (of the host, or of a container) empties."""
MOST_MEMORY = 0.9
"""The part of a memory limit that a server may use at the moment of the check."""


def program(server: Server) -> Check:
    @item(
        f"host.{server}_program",
        severity="high",
        remedy="apt-get install postgresql-16 postgresql-16-pgvector (PGDG) and redis-server, or name "
        "the programs in [native] of rfdata.toml",
        host=True,
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """Security fixes reach a packaged server by themselves, and an assembled one never."""
        found = facts.host.programs[server]
        major = int(found.value.version.partition(".")[0])
        good = major == 16 if server == "postgres" else major >= 7
        note = ""
        if found.value.origin == "assembled":
            note = "assembled from public packages: for trying and testing; in production, packaged"
        return judge(
            good,
            "PostgreSQL 16" if server == "postgres" else "Redis 7 or newer",
            f"{found.value.version}, {found.value.origin}, {found.value.path}",
            found,
            note=note,
        )

    return check


def running(server: Server) -> Check:
    @item(
        f"host.{server}_running",
        severity="critical",
        remedy="rfdata up; the reason it stopped is at the end of its log",
        host=True,
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """Known by its pid file, program and folder: another server on the port doesn't count."""
        found = facts.host.processes[server]
        if found.value == "stopped":
            return judge(False, f"{TITLE[server]} runs", "stopped", found)
        since = age((facts.gathered_at - found.value.started_at).total_seconds())
        actual = f"process {found.value.pid}, for {since}"
        return judge(True, f"{TITLE[server]} runs", actual, found)

    return check


def system_user(server: Server) -> Check:
    @item(
        f"host.{server}_system_user",
        severity="critical",
        remedy="run it as an ordinary system user: native.postgres_user, native.redis_user; rfdata up",
        host=True,
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """Whoever breaks out of a server that runs as root has the machine."""
        process = _process(facts, server)
        user = process.value.user
        return judge(user not in ("root", "0"), "a system user other than root", user, process)

    return check


def data_mode(server: Server) -> Check:
    @item(
        f"host.{server}_data_mode",
        severity="high",
        remedy="chmod 700 the data folder (rfdata up does)",
        host=True,
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """Whoever may read the files needs no password."""
        found = facts.host.data[server]
        good = found.value.exists and found.value.directory and not found.value.mode & 0o077
        return judge(good, f"a folder of mode {mode(0o700)}", described(found.value), found)

    return check


def data_owner(server: Server) -> Check:
    @item(
        f"host.{server}_data_owner",
        severity="high",
        remedy="chown -R the data folder to the server's system user (rfdata up does)",
        host=True,
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """A folder of somebody else's: the server can't write, or the somebody can."""
        found, process = facts.host.data[server], _process(facts, server)
        user = process.value.user
        return judge(
            found.value.exists and found.value.user == user,
            f"owned by {user}, who runs the server",
            described(found.value),
            found,
            process,
        )

    return check


def disk_persistent(server: Server) -> Check:
    @item(
        f"host.{server}_disk_persistent",
        severity="critical",
        remedy="set native.state in rfdata.toml to a folder on a real disk, then move the data there",
        host=True,
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """Data in memory or in a container's own layer is gone after the next restart."""
        found = facts.host.disks[server]
        return judge(
            found.value.type not in FLEETING,
            f"a file system that lasts (not {listing(FLEETING)})",
            f"{found.value.type} on {found.value.device}",
            found,
        )

    return check


def disk_free(server: Server) -> Check:
    @item(
        f"host.{server}_disk_free",
        severity="high",
        remedy="free or add space (du -x, logs, old backups), or lower verify.min_free_disk",
        host=True,
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """PostgreSQL stops on a full disk and Redis refuses writes; both need space to come back."""
        found = facts.host.disks[server]
        least = config.settings.verify.min_free_disk
        return judge(
            found.value.free >= least,
            f"{size(least)} free or more",
            f"{size(found.value.free)} of {size(found.value.total)} free",
            found,
        )

    return check


def listeners(server: Server) -> Check:
    @item(
        f"host.{server}_listeners",
        severity="critical",
        remedy=f"narrow {SECTION[server]}.listen_addresses in rfdata.toml, then rfdata up (restart)",
        host=True,
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """A server that listens everywhere is one firewall rule away from the internet."""
        found = facts.host.listeners
        ours = server_settings(config, server)
        wanted = {_address(address) for address in ours.listen_addresses}
        heard = {_address(one.address) for one in found.value if one.port == ours.port}
        return judge(
            bool(heard) and heard <= wanted,
            f"port {ours.port} on {listing(wanted)} only",
            listing(heard, "nobody listens"),
            found,
        )

    return check


def memory_used(server: Server) -> Check:
    @item(
        f"host.{server}_memory_used",
        severity="medium",
        remedy=f"raise {SECTION[server]}.limits.memory, or find what holds it",
        host=True,
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """At its memory limit the kernel kills the server, in the middle of whatever it does."""
        process, limits = _process(facts, server), limits_of(facts, server)
        limit = limits.value.memory or server_settings(config, server).limits.memory
        used = process.value.resident_bytes
        return judge(
            used <= limit * MOST_MEMORY,
            f"at most {size(limit * MOST_MEMORY)} resident ({MOST_MEMORY:.0%} of {size(limit)})",
            f"{size(used)} resident",
            process,
            limits,
        )

    return check


PER_SERVER: tuple[Callable[[Server], Check], ...] = (
    program,
    running,
    system_user,
    data_mode,
    data_owner,
    disk_persistent,
    disk_free,
    listeners,
    memory_used,
)


def _process(facts: Facts, server: Server) -> Fact[Process]:
    """The server's process. Raises FactUnread when it is stopped: `running` says so."""
    found = facts.host.processes[server]
    if found.value == "stopped":
        raise withheld(found, "the server is stopped")
    return found  # type: ignore[return-value]


def _address(text: str) -> str:
    """One form for an address; an IPv4 one may come dressed as IPv6."""
    found = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)
