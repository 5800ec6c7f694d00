"""Section 8: CPU and memory."""

from __future__ import annotations

from rfdata.checklist.line import Line
from rfdata.checklist.lines.ids import both, on_all, on_both

LIMITS = "by systemd or control groups, where the host allows; read from the kernel"

LINES: tuple[Line, ...] = (
    Line(
        "8.1",
        "PostgreSQL gets four processors at most",
        checks=("host.postgres_cpu_limit",),
        deviation=LIMITS,
    ),
    Line(
        "8.2",
        "PostgreSQL gets 8 GB of memory at most",
        checks=("host.postgres_memory_limit",),
        deviation=LIMITS,
    ),
    Line(
        "8.3",
        "2 GB of memory are kept for PostgreSQL",
        checks=("host.postgres_memory_reservation", "host.memory_suffices"),
        deviation=LIMITS,
    ),
    Line(
        "8.4",
        "Each Redis server gets one processor at most",
        checks=on_both("host", "cpu_limit"),
        deviation=LIMITS,
    ),
    Line(
        "8.5",
        "Each Redis server has a memory limit, with room above its data",
        checks=(*on_both("host", "memory_limit"), *both("memory_headroom")),
        deviation="1.5 GB: at 1 GB, the size of its data alone, the kernel would kill it (decisions, 4)",
    ),
    Line(
        "8.6",
        "256 MB of memory are kept for each Redis server",
        checks=on_both("host", "memory_reservation"),
        deviation=LIMITS,
    ),
    Line(
        "8.7",
        "It is known what the servers use when they are busy",
        checks=on_all("host", "memory_used"),
        drill="load",
    ),
    Line(
        "8.8",
        "The limits follow from what was measured",
        drill="load",
        attest="I have compared the limits in rfdata.toml with what the load test used, and they fit.",
    ),
)
