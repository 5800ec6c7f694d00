"""Section 14: what to look at first when something doesn't work."""

from __future__ import annotations

from rfdata.checklist.line import Line
from rfdata.checklist.lines.ids import ENV, LOGINS, both, on_all

LINES: tuple[Line, ...] = (
    Line("14.1", "The variables are right", checks=(*ENV, "env.database_sslmode")),
    Line(
        "14.2",
        "Whatever runs the servers is running itself",
        checks=("host.watch_alive", *on_all("host", "running")),
        deviation="the watch (systemd or rfdata's agent) instead of the Docker daemon",
    ),
    Line("14.3", "There is room on the data disks", checks=on_all("host", "disk_free")),
    Line(
        "14.4",
        "The network lets clients and servers talk",
        checks=("deployment.hosts_resolve", *LOGINS, *on_all("probe", "answers_in_time")),
    ),
    Line("14.5", "The logs say nothing bad", checks=on_all("logs", "startup")),
    Line(
        "14.6",
        "The servers can be restarted, and come back by themselves",
        checks=("host.watch_after_reboot", "postgres.pending_restart"),
        drill="failover",
    ),
    Line(
        "14.7",
        "The servers run the programs that are meant to run",
        checks=(*on_all("host", "program"), "postgres.version", *both("version")),
        deviation="programs on this host instead of images that are built",
    ),
)
