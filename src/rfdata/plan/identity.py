"""Steps for what a deployment proves itself with: derived values in .env, the CA, certificates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from rfdata.config import env as dotenv
from rfdata.config.load import ENV, Config
from rfdata.errors import Unreachable
from rfdata.model.facts import Facts, FileState, Server
from rfdata.model.plan import IssueAuthority, IssueCertificate, Step, WriteFile
from rfdata.plan.files import access, lies_at
from rfdata.secrets import Secret
from rfdata.targets.base import Desired


def env(config: Config) -> Iterator[Step]:
    """Hosts, ports and URLs in .env follow rfdata.toml; passwords are never touched."""
    values = dotenv.derived(config.settings, config.directory, config.env)
    text = dotenv.update(config.env_text.reveal(), values)
    if text == config.env_text:
        return
    there = {name: value.reveal() for name, value in config.env.items()}
    plain = {n: v.reveal() if isinstance(v, Secret) else v for n, v in values.items()}
    changed = [name for name, value in plain.items() if there.get(name) != value]
    names = changed or ["quoting"]
    yield Step(
        "files",
        f"bring .env in line with rfdata.toml: {', '.join(names)}",
        "change rfdata.toml back and run `rfdata up`",
        WriteFile(config.directory / ENV, text, 0o600, ""),
        ("~ derived values only; passwords stay",),
    )


def authority(config: Config, desired: Desired, facts: Facts) -> Iterator[Step]:
    """The CA: made once, renewed in time, its key kept to ourselves."""
    tls, ca, key = config.settings.tls, facts.certs.ca, facts.certs.ca_key
    folder = config.directory / "certs"
    if ca.known:
        if ca.value.not_after - facts.gathered_at <= timedelta(days=tls.renew_before_days):
            yield Step(
                "files",
                f"renew the CA ({tls.ca_days} days): the present one ends on "
                f"{ca.value.not_after:%Y-%m-%d}",
                "none needed: its key and name stay, so what it signed stays valid",
                IssueAuthority(tls.ca_days),
            )
    elif key.known and not _ca_file(facts, config).exists:
        yield Step(
            "files",
            f"make the internal CA in {folder} (ECDSA P-256, {tls.ca_days} days)",
            f"rm {folder}/ca.*: every certificate would need a new CA",
            IssueAuthority(tls.ca_days),
        )
    else:
        raise Unreachable(
            f"the CA could not be read: {ca.trouble}", hint=f"look at {config.ca_file}"
        )
    if key.value.exists and (step := access(desired.ca_key, key.value)):
        yield step


def certificate(
    config: Config, desired: Desired, facts: Facts, server: Server, *, new_ca: bool
) -> Iterator[Step]:
    """A server's certificate: issued when there is a reason to, its key kept to the server."""
    tls, names = config.settings.tls, desired.certificates[server]
    if why := _certificate_due(config, facts, server, names, new_ca=new_ca):
        yield Step(
            "files",
            f"issue a certificate for {server} ({tls.certificate_days} days): {why}",
            "the one before stays beside it",
            IssueCertificate(server, names, tls.certificate_days),
            tuple(f"+ {name}" for name in names),
        )
    elif step := access(desired.keys[server], facts.certs.keys[server].value):
        yield step


def _ca_file(facts: Facts, config: Config) -> FileState:
    return lies_at(facts, config.directory / "certs" / "ca.crt")


def _certificate_due(
    config: Config, facts: Facts, server: Server, names: tuple[str, ...], *, new_ca: bool
) -> str:
    if not facts.certs.keys[server].value.exists:
        return "there is none yet" if not facts.certs.on_disk[server].known else "its key is gone"
    found = facts.certs.on_disk[server].value
    if new_ca and not facts.certs.ca.known:
        return "the CA is new"
    if not found.issued_by_ca:
        return "the present one is not from our CA"
    ahead = timedelta(days=config.settings.tls.renew_before_days)
    if found.not_after - facts.gathered_at <= ahead:
        return f"the present one ends on {found.not_after:%Y-%m-%d}"
    missing = sorted(set(names) - found.names)
    return f"the present one lacks {', '.join(missing)}" if missing else ""
