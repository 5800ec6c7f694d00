# ruff: noqa: ARG001 - every check takes the same two arguments
"""The deployment's own files: who can read `.env`, and whether version control has it."""

from __future__ import annotations

from rfdata.checklist.item import item, judge, not_applicable
from rfdata.checklist.servers import external
from rfdata.checklist.words import count, listing, mode
from rfdata.config.load import Config
from rfdata.config.variables import NAMES
from rfdata.model.facts import Facts, FileState
from rfdata.model.verdict import Verdict


@item("env.file_mode", severity="critical", remedy="chmod 600 .env")
def file_mode(config: Config, facts: Facts) -> Verdict:
    """Every account on the machine could read every password of the layer."""
    found = facts.env.file.value
    good = found.exists and not found.directory and not found.mode & 0o077
    return judge(good, "a file of mode 0600", described(found), facts.env.file)


@item(
    "env.git_ignored",
    severity="high",
    remedy="add the line .env to .gitignore (rfdata init writes one)",
)
def git_ignored(config: Config, facts: Facts) -> Verdict:
    """One `git add .` is all it takes to publish the passwords."""
    found = facts.env.git.value
    if not found.repository:
        return not_applicable("the deployment is in no git repository")
    actual = "ignored" if found.ignored else "not ignored"
    return judge(found.ignored, "ignored by git", actual, facts.env.git)


@item(
    "env.never_committed",
    severity="critical",
    remedy="git rm --cached .env; history keeps the passwords, so change them all: empty their values "
    "in .env, then rfdata init and rfdata up",
)
def never_committed(config: Config, facts: Facts) -> Verdict:
    """Whoever has a clone has the passwords, for ever: removing the file does not remove history."""
    found = facts.env.git.value
    if not found.repository:
        return not_applicable("the deployment is in no git repository")
    where = {"tracked now": found.tracked, "in the history": found.in_history}
    return judge(
        not any(where.values()),
        "neither tracked nor in any commit",
        listing((name for name, is_so in where.items() if is_so), "neither"),
        facts.env.git,
    )


@item(
    "env.example_explains",
    severity="low",
    remedy="rfdata init --force writes .env.example anew (the old one is kept as a copy)",
)
def example_explains(config: Config, facts: Facts) -> Verdict:
    """A variable that nobody explained is one that the next deployment forgets."""
    wanted = {"DATABASE_URL", "REDIS_URL"} if external(config) else set(NAMES)
    missing = wanted - facts.env.example_names.value
    return judge(
        not missing,
        f"every one of {len(wanted)} variables in .env.example",
        f"missing: {listing(missing)}",
        facts.env.example_names,
    )


@item(
    "env.production_template",
    severity="medium",
    remedy="rfdata init --force writes .env.production.template anew (the old one is kept)",
)
def production_template(config: Config, facts: Facts) -> Verdict:
    """Without a template of its own, production is deployed with a copy of a developer's .env."""
    wanted = {"DATABASE_URL", "REDIS_URL"} if external(config) else set(NAMES)
    missing = wanted - facts.env.template_names.value
    return judge(
        not missing,
        f"every one of {len(wanted)} variables in .env.production.template",
        f"missing: {listing(missing)}",
        facts.env.template_names,
    )


@item(
    "env.templates_hold_no_secret",
    severity="critical",
    remedy="empty the variables named in both templates, and change those passwords in .env",
)
def templates_hold_no_secret(config: Config, facts: Facts) -> Verdict:
    """Templates are committed: a real password in one is published, and is used by everyone."""
    found = facts.env.template_secrets.value
    return judge(
        not found,
        "no value for any secret in .env.example and .env.production.template",
        f"with a value: {listing(found)}",
        facts.env.template_secrets,
    )


@item(
    "deployment.migrations_folder",
    severity="low",
    remedy="mkdir migrations in the deployment (rfdata init does)",
)
def migrations_folder(config: Config, facts: Facts) -> Verdict:
    """Schema changes without a place of their own are typed into production by hand."""
    found = facts.deployment.folders.value["migrations"]
    return judge(
        found.exists and found.directory,
        "a folder migrations/ in the deployment",
        described(found),
        facts.deployment.folders,
    )


@item(
    "deployment.certificates_folder",
    severity="low",
    remedy="mkdir certs in the deployment (rfdata init does)",
)
def certificates_folder(config: Config, facts: Facts) -> Verdict:
    """Clients look for the authority's certificate there."""
    found = facts.deployment.folders.value["certs"]
    return judge(
        found.exists and found.directory and not found.mode & 0o022,
        "a folder certs/ in the deployment that others can't write",
        described(found),
        facts.deployment.folders,
    )


@item(
    "deployment.hosts_resolve",
    severity="high",
    remedy="mend the host in rfdata.toml, or add the name to DNS or /etc/hosts",
)
def hosts_resolve(config: Config, facts: Facts) -> Verdict:
    """A name that resolves for the operator but not on this machine is an outage for services."""
    found = facts.deployment.resolves
    lost = {name for name, addresses in found.value.items() if not addresses}
    shown = (f"{name} is {', '.join(ips)}" for name, ips in found.value.items() if ips)
    return judge(
        bool(found.value) and not lost,
        "every configured host has an address",
        f"without one: {listing(lost)}" if lost else listing(shown),
        found,
    )


@item(
    "deployment.files_in_place",
    severity="high",
    remedy="rfdata up writes what is missing",
    host=True,
)
def files_in_place(config: Config, facts: Facts) -> Verdict:
    """A server runs on without the file that it was started with, and fails at its next start."""
    found = facts.deployment.files
    missing = {path for path, state in found.value.items() if not state.exists}
    return judge(
        bool(found.value) and not missing,
        f"each of {count(len(found.value), 'rendered file')}",
        f"missing: {listing(missing)}",
        found,
    )


@item(
    "deployment.files_not_writable",
    severity="high",
    remedy="chmod go-w the files named (rfdata up does)",
    host=True,
)
def files_not_writable(config: Config, facts: Facts) -> Verdict:
    """Who can write a server's configuration can make it run any program, as the server's user."""
    found = facts.deployment.files
    loose = {p for p, state in found.value.items() if state.exists and state.mode & 0o022}
    return judge(
        bool(found.value) and not loose,
        "no rendered file that others can write",
        f"writable: {listing(loose)}",
        found,
    )


@item(
    "deployment.files_private",
    severity="high",
    remedy="chmod 600 the files named (rfdata up does)",
    host=True,
)
def files_private(config: Config, facts: Facts) -> Verdict:
    """Users' password hashes and the rules of who may enter are nobody else's to read."""
    found = facts.deployment.files
    inner = {p: s for p, s in found.value.items() if s.exists and p.endswith((".conf", ".acl"))}
    loose = {path for path, state in inner.items() if state.mode & 0o044}
    return judge(
        bool(inner) and not loose,
        "no server's configuration that others can read",
        f"readable: {listing(loose)}",
        found,
    )


def described(found: FileState) -> str:
    """A file or folder in words.

    >>> described(FileState(True, 0o600, "postgres", "postgres"))
    'a file of mode 0600, owned by postgres'
    """
    if not found.exists:
        return "not there"
    kind = "folder" if found.directory else "file"
    owner = f", owned by {found.user}" if found.user else ""
    return f"a {kind} of mode {mode(found.mode)}{owner}"
