"""Steps for what a deployment proves itself with: derived values in .env, the CA, certificates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from rfdata.config import env as dotenv
from rfdata.config.load import ENV, Config
from rfdata.errors import Unreachable
from rfdata.model.facts import Facts, FileState, Server
from rfdata.model.plan import IssueAuthority, IssueCertificate, Step, WriteFile
from rfdata.plan.files import access, lies_at
from rfdata.targets.base import Desired


def env(config: Config) -> Iterator[Step]:
    """Hosts, ports and URLs in .env follow rfdata.toml; passwords are never touched."""
    values = dotenv.derived(config.settings, config.directory, config.env)
    text = dotenv.update(config.env_text.reveal(), values)
    if text == config.env_text:
        return
    changed = [n for n, v in values.items() if n not in config.env or config.env[n] != v]
    names = changed or ["quoting"]
    yield Step(
        "files",
        f"bring .env in line with rfdata.toml: {', '.join(names)}",
        "change rfdata.toml back and run `rfdata up`",
        WriteFile(config.directory / ENV, text, 0o600, ""),
        ("~ derived values only; passwords stay",),
    )


def certificates(
    config: Config, desired: Desired, facts: Facts, moment: datetime
) -> Iterator[Step]:
    tls = config.settings.tls
    ca, key = facts.certs.ca, facts.certs.ca_key
    fresh = not ca.known
    if fresh and key.known and not _ca_file(facts, config).exists:
        yield Step(
            "files",
            f"make the internal CA in {config.directory / 'certs'} (ECDSA P-256, {tls.ca_days} days)",
            f"rm {config.directory / 'certs'}/ca.*: every certificate would need a new CA",
            IssueAuthority(tls.ca_days),
        )
    elif not fresh and ca.value.not_after - moment <= timedelta(days=tls.renew_before_days):
        yield Step(
            "files",
            f"renew the CA ({tls.ca_days} days): the present one ends on {ca.value.not_after:%Y-%m-%d}",
            "none needed: its key and name stay, so what it signed stays valid",
            IssueAuthority(tls.ca_days),
        )
    elif fresh:
        raise Unreachable(
            f"the CA could not be read: {ca.trouble}", hint=f"look at {config.ca_file}"
        )
    for server, names in desired.certificates.items():
        server_key = facts.certs.keys[server].value
        if why := _certificate_due(
            facts, server, names, moment, timedelta(days=tls.renew_before_days), fresh
        ):
            yield Step(
                "files",
                f"issue a certificate for {server} ({tls.certificate_days} days): {why}",
                "the one before stays beside it",
                IssueCertificate(server, names, tls.certificate_days),
                tuple(f"+ {name}" for name in names),
            )
        elif step := access(desired.keys[server], server_key):
            yield step
    if facts.certs.ca_key.value.exists and (
        step := access(desired.ca_key, facts.certs.ca_key.value)
    ):
        yield step


def _ca_file(facts: Facts, config: Config) -> FileState:
    return lies_at(facts, config.directory / "certs" / "ca.crt")


def _certificate_due(
    facts: Facts,
    server: Server,
    names: tuple[str, ...],
    moment: datetime,
    ahead: timedelta,
    new_ca: bool,
) -> str:
    found = facts.certs.on_disk[server]
    if new_ca or found.content is None:
        return "there is none yet" if not new_ca or found.content is None else "the CA is new"
    if not facts.certs.keys[server].value.exists:
        return "its key is gone"
    if not found.content.issued_by_ca:
        return "the present one is not from our CA"
    if found.content.not_after - moment <= ahead:
        return f"the present one ends on {found.content.not_after:%Y-%m-%d}"
    missing = sorted(set(names) - found.content.names)
    return f"the present one lacks {', '.join(missing)}" if missing else ""
