"""Migrations: in one order, all applied as they lie there, tried before, and each with a way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rfdata.checklist.item import item, judge, not_applicable, vouch
from rfdata.checklist.servers import external
from rfdata.checklist.words import count, listing
from rfdata.config.load import Config
from rfdata.model.facts import Facts, LedgerEntry
from rfdata.model.migrations import rehearsed as proven
from rfdata.model.verdict import Verdict

APPLIED = frozenset({"applied", "baseline"})
NOTHING_APPLIED = "no migration was ever applied here"


@item(
    "migrations.folder",
    severity="critical",
    remedy="mend the files named (`rfdata migrate lint` shows each with its line); rfdata init copies "
    "the shipped schema into migrations/",
)
def folder(config: Config, facts: Facts) -> Verdict:  # noqa: ARG001 - every check takes both
    """Files without one certain order run in another order elsewhere, and end in another schema."""
    found = facts.migrations.folder
    files, problems = found.value.files, found.value.problems
    if problems:
        actual = few([f"{problem.place}: {problem.message}" for problem in problems])
    elif files:
        actual = f"{count(len(files), 'file')}, from {files[0].name} to {files[-1].name}"
    else:
        actual = "no file"
    expected = "migrations in one order, no number twice, and no file that can't be run"
    return judge(bool(files) and not problems, expected, actual, found)


@item(
    "migrations.applied",
    severity="critical",
    remedy="rfdata migrate up; where the database already has that schema: rfdata migrate baseline",
)
def applied(config: Config, facts: Facts) -> Verdict:  # noqa: ARG001
    """Services that meet a schema older than themselves fail one query at a time."""
    found, ledger = facts.migrations.folder, facts.migrations.ledger
    done = {entry.name for entry in _applied(facts)}
    files = [file.name for file in found.value.files]
    pending = [name for name in files if name not in done]
    expected = f"{count(len(files), 'migration')} applied, as many as there are files"
    if not files:
        return judge(False, "migrations, each of them applied", "no file", found, ledger)
    actual = f"not applied: {few(pending)}" if pending else f"all, the last one {files[-1]}"
    return judge(not pending, expected, actual, found, ledger)


@item(
    "migrations.finished",
    severity="critical",
    remedy="`rfdata migrate status` says how far it came and how to go on (mend it and run it again, "
    "or tell with `rfdata migrate resolve` what became of it)",
)
def finished(config: Config, facts: Facts) -> Verdict:  # noqa: ARG001
    """Half a migration is neither the old schema nor the new one; no service was made for it."""
    ledger = facts.migrations.ledger
    entries = ledger.value.entries
    broken = [
        f"{entry.name} {'failed' if entry.state == 'failed' else 'was begun and is not known to have ended'}"
        f" after {count(entry.statements_done, 'statement')}"
        for entry in entries
        if entry.state not in APPLIED
    ]
    actual = few(broken) if broken else count(len(entries), "migration") + " ended well"
    expected = "every migration in the ledger ended without an error"
    return judge(bool(entries) and not broken, expected, _or_nothing(entries, actual), ledger)


@item(
    "migrations.unedited",
    severity="critical",
    remedy="bring the applied file back as it was, and put the change into a new migration "
    "(`rfdata migrate new`)",
)
def unedited(config: Config, facts: Facts) -> Verdict:  # noqa: ARG001
    """A file that was edited after it ran says something else than what is in the database."""
    found, ledger = facts.migrations.folder, facts.migrations.ledger
    there = {file.name: file.checksum for file in found.value.files}
    entries = _applied(facts)
    wrong = [f"{entry.name} is gone" for entry in entries if entry.name not in there]
    wrong += [
        f"{entry.name} was edited"
        for entry in entries
        if there.get(entry.name, entry.checksum) != entry.checksum
    ]
    actual = few(wrong) if wrong else f"so it is for {count(len(entries), 'migration')}"
    expected = "every applied migration lies in the folder, with the checksum that it ran with"
    return judge(bool(entries) and not wrong, expected, _or_nothing(entries, actual), found, ledger)


@item(
    "migrations.failures_recorded",
    severity="medium",
    remedy="run migrations through rfdata, which writes down what the server said; add by hand what "
    "became of those named",
)
def failures_recorded(config: Config, facts: Facts) -> Verdict:  # noqa: ARG001
    """Whoever has to mend a failed migration at night needs its error, and how far it came."""
    ledger, drills = facts.migrations.ledger, facts.migrations.rehearsals
    entries = ledger.value.entries
    failed = [entry for entry in entries if entry.state == "failed"]
    stumbled = [drill for drill in drills.value if not drill.passed]
    silent = [entry.name for entry in failed if not entry.error]
    silent += [
        f"the rehearsal of {drill.at:%Y-%m-%d %H:%M}" for drill in stumbled if not drill.trouble
    ]
    good = bool(entries) and not silent
    actual = (
        f"without a reason: {few(silent)}"
        if silent
        else (
            f"{count(len(failed), 'failed migration')} and {count(len(stumbled), 'failed rehearsal')}, "
            "each with its error"
        )
    )
    expected = "a ledger, in which every failure stands with its error"
    return judge(good, expected, _or_nothing(entries, actual), ledger, drills)


@item(
    "migrations.reversible",
    severity="high",
    remedy="write migrations/rollback/NAME.sql for each one named; `rfdata migrate new` begins both",
)
def reversible(config: Config, facts: Facts) -> Verdict:  # noqa: ARG001
    """A way back that has to be thought up during an outage is a second outage."""
    found = facts.migrations.folder
    files = found.value.files
    without = [file.name for file in files if not file.rollback]
    actual = f"none for {few(without)}" if without else f"{count(len(files), 'file')}, all with one"
    expected = "a file in migrations/rollback/ for every migration"
    return judge(bool(files) and not without, expected, actual if files else "no file", found)


@item(
    "migrations.lint",
    severity="high",
    remedy="mend what `rfdata migrate lint` names, or waive it in the file: "
    "-- rfdata: waive RULE: the reason",
)
def lint(config: Config, facts: Facts) -> Verdict:
    """What locks a table for minutes, or can't be taken back, is seen before it runs, or never."""
    found, files = facts.migrations.findings, facts.migrations.folder
    open_ones = [p for p in found.value if not p.waived]
    against = [p for p in open_ones if config.production or p.severity == "error"]
    waived = sorted({p.rule for p in found.value if p.waived})
    note = f"waived in their files, with a reason: {listing(waived)}" if waived else ""
    left = len(open_ones) - len(against)
    if against:
        actual = few([f"{problem.place}: {problem.rule}" for problem in against])
    else:
        actual = f"{count(len(files.value.files), 'file')}, {count(left, 'warning')}"
    what = "finding that isn't waived" if config.production else "error"
    good = bool(files.value.files) and not against
    return judge(good, f"files without a {what}", actual, found, files, note=note)


@item(
    "migrations.verified",
    severity="high",
    remedy="see migrations/verify/NAME.sql for what is not so; a new migration (`rfdata migrate new`) "
    "puts it right",
)
def verified(config: Config, facts: Facts) -> Verdict:  # noqa: ARG001
    """The ledger says that a file ran once; only the database says whether its work is still there."""
    ledger, files, proofs = (
        facts.migrations.ledger,
        facts.migrations.folder,
        facts.migrations.verified,
    )
    entries = _applied(facts)
    expected = "every query of every applied migration's verify file is true"
    if not entries:
        return judge(False, expected, NOTHING_APPLIED, ledger, files, proofs)
    having = {file.name for file in files.value.files if file.verify}
    wanted = [entry.name for entry in entries if entry.name in having]
    if not wanted and not proofs.value:
        return not_applicable("no applied migration has a file in migrations/verify/")
    wrong = [f"{name} ({why})" for name, why in proofs.value.items() if why]
    wrong += [f"{name} (not looked at)" for name in wanted if name not in proofs.value]
    silent = len(entries) - len(wanted)
    note = f"{count(silent, 'migration')} without a verify file" if silent else ""
    actual = few(wrong) if wrong else f"so it is for {count(len(wanted), 'migration')}"
    return judge(not wrong, expected, actual, ledger, files, proofs, note=note)


@item(
    "migrations.rehearsed",
    severity="high",
    remedy="rfdata migrate rehearse: up, down and up again on a scratch copy, without touching this one",
)
def rehearsed(config: Config, facts: Facts) -> Verdict:
    """What goes wrong on a copy costs nothing; a rollback that never ran is a hope."""
    if not config.production:
        return not_applicable("in the dev profile migrations run without a rehearsal")
    ledger, files, drills = (
        facts.migrations.ledger,
        facts.migrations.folder,
        facts.migrations.rehearsals,
    )
    there = {file.name: file for file in files.value.files}
    entries = [entry for entry in ledger.value.entries if entry.state != "baseline"]
    untried = [
        entry.name
        for entry in entries
        if entry.name not in there
        or proven(replace(there[entry.name], checksum=entry.checksum), drills.value) is None
    ]
    expected = "a rehearsal that passed, for every migration as it was applied, with its rollback"
    if not ledger.value.entries:
        return judge(False, expected, NOTHING_APPLIED, ledger, files, drills)
    if not entries:
        return not_applicable("every migration was adopted by a baseline; none was run here")
    if untried and external(config):
        return vouch(expected, "rfdata makes no scratch copy on someone else's server")
    actual = f"not rehearsed: {few(untried)}" if untried else f"so it is for all {len(entries)}"
    return judge(not untried, expected, actual, ledger, files, drills)


@item(
    "migrations.ledger_private",
    severity="high",
    remedy="REVOKE ALL ON rfdata.migrations FROM the roles named",
)
def ledger_private(config: Config, facts: Facts) -> Verdict:  # noqa: ARG001
    """Who can write the ledger decides what runs next; its errors may quote rows."""
    ledger = facts.migrations.ledger
    others = ledger.value.others
    entries = ledger.value.entries
    actual = f"also: {listing(others)}" if others else "so it is"
    return judge(
        bool(entries) and not others,
        "a ledger that only its owner has any privilege on",
        _or_nothing(entries, actual),
        ledger,
    )


def few(names: Sequence[str], most: int = 4) -> str:
    """The first of them, and how many more there are.

    >>> few(["a", "b", "c"], 2)
    'a; b; and 1 more'
    """
    more = len(names) - most
    return "; ".join([*names[:most], *([f"and {more} more"] if more > 0 else [])])


def _applied(facts: Facts) -> list[LedgerEntry]:
    return [entry for entry in facts.migrations.ledger.value.entries if entry.state in APPLIED]


def _or_nothing(entries: Sequence[LedgerEntry], otherwise: str) -> str:
    return otherwise if entries else NOTHING_APPLIED
