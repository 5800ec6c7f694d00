"""Units for hosts where systemd runs: rendered here, installed like any file, driven by systemctl."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from rfdata.config.load import Config
from rfdata.errors import ChangeFailed, UsageError
from rfdata.model.facts import SERVERS, Limits, Server
from rfdata.shell import Command, Completed, run
from rfdata.targets.native.layout import Layout

UNITS = Path("/etc/systemd/system")
GROUPS = Path("/sys/fs/cgroup")
BOOTED = Path("/run/systemd/system")
WANTED_BY = "multi-user.target"
_OWNER = "# deployment: "
_STOP = {"postgres": "1h", "redis": "10min", "redis-durable": "10min"}
"""A stop that is cut short costs a recovery: the last checkpoint and the last flush get their time."""


def in_charge(config: Config) -> bool:
    """Whether systemd runs this deployment's servers. Raises UsageError when it should but can't."""
    here = BOOTED.is_dir() and os.geteuid() == 0
    wish = config.settings.native.watch
    if wish == "systemd" and not here:
        raise UsageError(
            'rfdata.toml: native.watch = "systemd", but systemd does not run here, or we are not root',
            hint='run as root on a host with systemd, or set native.watch = "auto"',
        )
    return here and wish != "agent"


def unit_name(config: Config, part: Server | str) -> str:
    """For example "rfdata-researchflow-redis.service"; the watch's part is "agent"."""
    return f"rfdata-{config.settings.deployment.name}-{part}.service"


def unit_path(config: Config, part: Server | str) -> Path:
    return UNITS / unit_name(config, part)


def require_ours(config: Config) -> None:
    """Raise UsageError when another deployment of the same name has its units here."""
    for part in (*SERVERS, "agent"):
        try:
            text = unit_path(config, part).read_text(encoding="utf-8")
        except FileNotFoundError:
            continue
        if _OWNER + str(config.directory) not in text.splitlines():
            raise UsageError(
                f"{unit_path(config, part)} belongs to another deployment",
                hint="give this one another deployment.name in rfdata.toml",
            )


def server_unit(
    config: Config,
    layout: Layout,
    server: Server,
    command: Sequence[str],
    limits: Limits,
    *,
    notifies: bool,
) -> str:
    """One server's unit. `notifies`: the program was built to tell systemd when it is ready."""
    home = layout.home(server)
    writable = [home.root]
    postgres = server == "postgres"
    service = [
        f"Type={'notify' if notifies else 'exec'}",
        f"User={home.user}",
        f"WorkingDirectory={_plain(home.data)}",
        f"ExecStart={_words(command)}",
        *(["ExecReload=/bin/kill -HUP $MAINPID"] if postgres else []),
        "KillMode=mixed",
        f"KillSignal={'SIGINT' if postgres else 'SIGTERM'}",
        "TimeoutStartSec=infinity",
        f"TimeoutStopSec={_STOP[server]}",
        "Restart=on-failure",
        "RestartSec=2s",
        *_limits(limits),
        "LimitCORE=0",
        "LimitNOFILE=65536",
        f"OOMScoreAdjust={-900 if postgres else -500}",
    ]
    if postgres:
        service += [
            "Environment=PG_OOM_ADJUST_FILE=/proc/self/oom_score_adj PG_OOM_ADJUST_VALUE=0",
        ]
        if not layout.socket_folder.is_relative_to(home.root):
            service += [
                f"RuntimeDirectory={layout.socket_folder.relative_to('/run')}",
                "RuntimeDirectoryMode=0700",
            ]
    service += _hardening(writable, command)
    return _render(
        config,
        f"rfdata {config.settings.deployment.name}: {server}",
        ["After=network-online.target", "Wants=network-online.target", "StartLimitIntervalSec=0"],
        service,
    )


def agent_unit(config: Config, layout: Layout, command: Sequence[str]) -> str:
    """The watch's unit: it polls health and rotates logs; restarting is systemd's own work."""
    servers = " ".join(unit_name(config, server) for server in SERVERS)
    service = [
        "Type=exec",
        f"ExecStart={_words(command)}",
        f"WorkingDirectory={_plain(layout.state)}",
        "Restart=always",
        "RestartSec=5s",
        "TimeoutStopSec=20s",
        "LimitCORE=0",
        "UMask=0077",
        "NoNewPrivileges=yes",
        "PrivateTmp=yes",
        "ProtectSystem=strict",
        f"ReadWritePaths={_paths([layout.state])}",
    ]
    name = config.settings.deployment.name
    return _render(config, f"rfdata {name}: watch", [f"After={servers}"], service)


def install(config: Config) -> None:
    """Let systemd read the units anew, and start them at every boot."""
    _systemctl("daemon-reload")
    _systemctl("enable", *_installed(config))


def disable(config: Config) -> None:
    """After `down`, a reboot starts nothing."""
    _systemctl("disable", *_installed(config))


def installed(config: Config, part: Server | str) -> bool:
    return unit_path(config, part).exists()


def limits_hold() -> bool:
    """Only on control groups of version 2 does systemd enforce all three limits."""
    return (GROUPS / "cgroup.controllers").exists()


def control(config: Config, verb: str, part: Server | str) -> None:
    """start, stop or restart one unit; does not wait until the server answers."""
    if verb == "start":
        _systemctl("reset-failed", unit_name(config, part), check=False)
    waiting = [] if verb == "stop" else ["--no-block"]
    _systemctl(verb, *waiting, unit_name(config, part))


def failed(config: Config, server: Server) -> bool:
    """Whether systemd has given the server up, or sees it fall again and again."""
    shown = _systemctl("show", "--property=ActiveState,NRestarts", unit_name(config, server))
    values = dict(line.split("=", 1) for line in shown.stdout.splitlines() if "=" in line)
    return values.get("ActiveState") == "failed" or int(values.get("NRestarts") or 0) > 2


def set_limits(config: Config, server: Server, limits: Limits) -> None:
    """Change the limits of a running unit; its file already holds the same for the next start."""
    _systemctl("set-property", "--runtime", unit_name(config, server), *_limits(limits))


def survives_reboot(config: Config) -> bool:
    wanted = UNITS / f"{WANTED_BY}.wants"
    return all((wanted / unit_name(config, part)).is_symlink() for part in (*SERVERS, "agent"))


def active(config: Config, part: Server | str) -> bool:
    return _systemctl("is-active", "--quiet", unit_name(config, part), check=False).code == 0


def _installed(config: Config) -> list[str]:
    parts = (*SERVERS, "agent")
    return [unit_name(config, part) for part in parts if installed(config, part)]


def _systemctl(*arguments: str, check: bool = True) -> Completed:
    """A stop may take as long as its unit allows; everything else answers at once."""
    timeout = 3700 if arguments[0] == "stop" else 60
    done = run(Command(("systemctl", "--no-pager", *arguments), timeout=timeout), check=False)
    if check and done.code != 0:
        raise ChangeFailed(
            f"systemctl {' '.join(arguments)}: {done.tail}",
            hint=f"look at `journalctl -u {arguments[-1]}`",
        )
    return done


def _limits(limits: Limits) -> list[str]:
    """Empty values take a limit back."""
    cpus = "" if limits.cpus is None else f"{limits.cpus * 100:g}%"
    memory = "infinity" if limits.memory is None else str(limits.memory)
    low = "0" if limits.memory_reservation is None else str(limits.memory_reservation)
    return [f"CPUQuota={cpus}", f"MemoryMax={memory}", f"MemoryLow={low}"]


def _hardening(writable: Iterable[Path], command: Sequence[str]) -> list[str]:
    folders = [*writable, Path(command[0])]
    homes = any(folder.is_relative_to(home) for folder in folders for home in ("/home", "/root"))
    return [
        "UMask=0077",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "PrivateTmp=yes",
        "PrivateDevices=yes",
        "ProtectSystem=strict",
        f"ReadWritePaths={_paths(writable)}",
        f"ProtectHome={'read-only' if homes else 'yes'}",
        "ProtectClock=yes",
        "ProtectControlGroups=yes",
        "ProtectHostname=yes",
        "ProtectKernelLogs=yes",
        "ProtectKernelModules=yes",
        "ProtectKernelTunables=yes",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
        "RestrictNamespaces=yes",
        "RestrictRealtime=yes",
        "RestrictSUIDSGID=yes",
        "LockPersonality=yes",
        "SystemCallArchitectures=native",
    ]


def _render(config: Config, description: str, unit: list[str], service: list[str]) -> str:
    lines = [
        "# Written by rfdata; changes are overwritten by `rfdata up`.",
        f"{_OWNER}{config.directory}",
        "[Unit]",
        f"Description={_escape(description)}",
        *unit,
        "",
        "[Service]",
        *service,
        "",
        "[Install]",
        f"WantedBy={WANTED_BY}",
    ]
    return "\n".join(lines) + "\n"


def _plain(path: Path) -> str:
    """A path where systemd takes the whole rest of the line, spaces included."""
    return str(path).replace("%", "%%")


def _paths(paths: Iterable[Path]) -> str:
    return " ".join(f'"{_escape(str(path))}"' for path in paths)


def _words(words: Iterable[str]) -> str:
    """A command line: every word quoted, no variable expanded."""
    return " ".join('"' + _escape(word).replace("$", "$$") + '"' for word in words)


def _escape(text: str) -> str:
    r"""What systemd would unquote or expand anywhere, escaped.

    >>> print(_escape('a "b" 50%'))
    a \"b\" 50%%
    """
    for special, escaped in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%")):
        text = text.replace(special, escaped)
    return text
