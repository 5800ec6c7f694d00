"""Section 6: where the data lies."""

from __future__ import annotations

from rfdata.checklist.line import Line
from rfdata.checklist.lines.ids import on_all

FOLDERS = "data folders on a persistent disk instead of Docker volumes"

LINES: tuple[Line, ...] = (
    Line(
        "6.1",
        "Only its own server can enter a data folder",
        checks=on_all("host", "data_mode", "data_owner"),
        deviation=FOLDERS,
    ),
    Line(
        "6.2",
        "Every server's data lies on a disk that outlives it",
        checks=on_all("host", "disk_persistent"),
        deviation=FOLDERS,
    ),
    Line(
        "6.3",
        "It is decided how PostgreSQL's data is backed up",
        pending="backups: base backups and a WAL archive by Barman, with their schedule and retention",
    ),
    Line(
        "6.4",
        "Production is backed up without anyone thinking of it",
        pending="backups: a nightly schedule, and a check of the newest backup's age",
    ),
    Line(
        "6.5",
        "It is decided what happens when the whole host is lost",
        pending="disaster-recovery: a plan from the newest backup to a running layer, with its times",
    ),
    Line("6.6", "Data was brought back from a backup, and was whole", drill="restore"),
    Line(
        "6.7",
        "There is room left on every data disk",
        checks=on_all("host", "disk_free"),
        pending="monitoring: free space as a figure over time, beside today's",
    ),
    Line(
        "6.8",
        "Somebody is told before a disk is full",
        checks=on_all("host", "disk_free"),
        pending="monitoring: an alert on free space, and proof that it arrives",
    ),
)
