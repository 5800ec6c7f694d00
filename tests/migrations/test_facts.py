"""What is read of migrations on a real server: as the operator, and as a services' role from afar."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from psycopg.sql import SQL, Identifier
from tests.checklist.healthy import healthy_facts
from tests.migrations.conftest import RESEARCHFLOW, Scratch, scratch
from tests.postgres.conftest import Cluster, make_config

from rfdata.checklist import catalogue
from rfdata.checklist.decide import run_checks
from rfdata.config.load import Config
from rfdata.evidence import log
from rfdata.migrations import facts, runner
from rfdata.migrations.folder import read_folder
from rfdata.migrations.migration import Author, Identity
from rfdata.migrations.shipped import shipped
from rfdata.model.facts import MigrationFacts, Rehearsal
from rfdata.model.migrations import rehearsed_as
from rfdata.model.verdict import Outcome, Verdict
from rfdata.postgres.client import MAINTENANCE
from rfdata.readings import take
from rfdata.secrets import Secret

APP = "researchflow_user"
AUTHOR = Author("ada@db1", "0.1.0")


@dataclass(frozen=True)
class Deployed:
    """A deployment with the shipped schema in its folder, and a database that is named after it."""

    scratch: Scratch
    config: Config

    @property
    def folder(self) -> Path:
        return self.config.directory / "migrations"

    def migrate(self) -> None:
        migrations = read_folder(self.folder).migrations
        identity = Identity(owner=f"{self.scratch.name}_owner")
        with self.scratch.superuser() as session:
            runner.up(session, migrations, identity=identity, author=AUTHOR)

    def read(self) -> MigrationFacts:
        socket = self.scratch.cluster.paths.socket
        return _read(self.config, facts.chains(self.config, self.evidence, socket=socket))

    @property
    def evidence(self) -> Path:
        return self.config.directory / "evidence"

    def verdicts(self, found: MigrationFacts, config: Config | None = None) -> dict[str, Verdict]:
        """Of the checks of migrations, at this moment."""
        config = config or self.config
        everything = replace(healthy_facts(config), migrations=found, gathered_at=datetime.now(UTC))
        results = run_checks(catalogue.MIGRATIONS, config, everything)
        return {r.item.id.removeprefix("migrations."): r.verdict for r in results}


def _read(config: Config, chains: Any) -> MigrationFacts:
    return facts.build(take(chains, config.settings.verify.fact_timeout))


def bad(verdicts: Mapping[str, Verdict]) -> dict[str, str]:
    """What is neither good nor beside the point, and what was found instead."""
    fine = (Outcome.PASS, Outcome.NOT_APPLICABLE)
    return {n: f"{v.actual} {v.note}" for n, v in verdicts.items() if v.outcome not in fine}


@pytest.fixture
def deployed(pristine: Cluster, tmp_path: Path) -> Iterator[Deployed]:
    with scratch(pristine) as made:
        owner = Identifier(f"{made.name}_owner")
        with pristine.operator() as session:
            session.execute(SQL("CREATE ROLE {} NOLOGIN").format(owner))
        made.run(f"ALTER DATABASE {made.name} OWNER TO {made.name}_owner")
        for path, text in shipped().items():
            file = tmp_path / "migrations" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        yield Deployed(made, make_config(tmp_path, f'database = "{made.name}"\n', pristine.port))
    with pristine.operator(MAINTENANCE) as session:
        session.execute(SQL("DROP ROLE {}").format(owner))


def rehearsal(deployed: Deployed, *, passed: bool = True) -> None:
    """Put a rehearsal of the whole folder on record."""
    files = [m.as_file() for m in read_folder(deployed.folder).migrations]
    data = {
        "drill": "migration",
        "passed": passed,
        "method": "schema",
        "seconds": 1.5,
        "trouble": "" if passed else "0003 could not be taken back",
        "checksums": {f.name: rehearsed_as(f.checksum, f.rollback) for f in files},
        "timings": {},
        "locks": {},
    }
    log.append(deployed.evidence, "drill", data, by="ada@db1", version="0.1.0")


def test_before_anything_was_applied(deployed: Deployed) -> None:
    found = deployed.read()
    assert len(found.folder.value.files) == len(list(RESEARCHFLOW.glob("*.sql")))
    assert found.ledger.value.entries == ()
    assert found.ledger.value.empty_database
    assert found.schema.value.relations == {}
    assert found.verified.value == {}
    assert found.rehearsals.value == ()
    verdicts = deployed.verdicts(found)
    assert {n for n, v in verdicts.items() if v.outcome is Outcome.PASS} == {
        "folder",
        "reversible",
        "lint",
    }
    assert Outcome.UNKNOWN not in {v.outcome for v in verdicts.values()}


def test_the_shipped_schema_decides_every_check(deployed: Deployed) -> None:
    deployed.migrate()
    found = deployed.read()
    names = [file.name for file in found.folder.value.files]
    assert [entry.name for entry in found.ledger.value.entries] == names
    assert found.ledger.value.others == frozenset()
    assert not found.ledger.value.empty_database
    assert found.verified.value == dict.fromkeys(names, "")
    assert bad(deployed.verdicts(found)).keys() == {"rehearsed"}
    rehearsal(deployed, passed=False)
    assert bad(deployed.verdicts(deployed.read())).keys() == {"rehearsed"}
    rehearsal(deployed)
    found = deployed.read()
    assert bad(deployed.verdicts(found)) == {}
    assert [drill.passed for drill in found.rehearsals.value] == [False, True]


def test_what_was_taken_away_behind_our_back_is_seen(deployed: Deployed) -> None:
    deployed.migrate()
    deployed.scratch.run("DROP TABLE research.ai_invocations CASCADE")
    deployed.scratch.run("GRANT SELECT ON rfdata.migrations TO PUBLIC")
    deployed.scratch.run("GRANT UPDATE ON audit.events TO rf_audit_append")
    deployed.scratch.run("ALTER TABLE research.runs DISABLE ROW LEVEL SECURITY")
    found = deployed.read()
    assert found.ledger.value.others == {"PUBLIC"}
    wrong = bad(deployed.verdicts(found))
    assert {"research", "ledger_private", "audit_append_only", "row_security"} <= wrong.keys()
    assert "research.ai_invocations" in wrong["research"]
    assert "rf_audit_append: UPDATE" in wrong["audit_append_only"]


def test_a_proof_that_is_no_longer_true_is_named(deployed: Deployed) -> None:
    deployed.migrate()
    name = read_folder(deployed.folder).migrations[0].name
    proof = deployed.folder / "verify" / f"{name}.sql"
    proof.write_text("SELECT true AS fine;\nSELECT false AS gone;\n", encoding="utf-8")
    found = deployed.read()
    assert found.verified.value[name] == "line 2: not true: gone"
    assert f"{name} (line 2: not true: gone)" in deployed.verdicts(found)["verified"].actual


@pytest.mark.parametrize("passed", [True, False])
def test_rehearsals_are_read_as_they_were_written(deployed: Deployed, passed: bool) -> None:
    rehearsal(deployed, passed=passed)
    (found,) = deployed.read().rehearsals.value
    assert isinstance(found, Rehearsal)
    assert (found.by, found.passed, found.method, found.seconds) == (
        "ada@db1",
        passed,
        "schema",
        1.5,
    )
    assert bool(found.trouble) is not passed
    assert len(found.checksums) == len(read_folder(deployed.folder).migrations)


@pytest.fixture
def from_afar(deployed: Deployed) -> Iterator[Callable[[], MigrationFacts]]:
    """Reads as the services' role over DATABASE_URL, as on someone else's server."""
    cluster, name = deployed.scratch.cluster, deployed.scratch.name
    password = cluster.config.secret("POSTGRES_PASSWORD").reveal()
    url = (
        f"postgresql://{APP}:{password}@127.0.0.1:{cluster.port}/{name}?sslmode=verify-full"
        f"&sslrootcert={cluster.config.ca_file}"
    )
    deployed.scratch.run(f"GRANT CONNECT ON DATABASE {name} TO {APP}")
    external = Config(
        deployed.config.directory,
        make_config(deployed.config.directory, '[deployment]\ntarget = "external"\n').settings,
        {"DATABASE_URL": Secret(url)},
        Secret(""),
    )
    hba = f"hostssl {name} {APP} 127.0.0.1/32 scram-sha-256\n"
    with cluster.changed(hba=hba + cluster.paths.hba.read_text(encoding="utf-8")):
        yield lambda: _read(external, facts.chains(external, deployed.evidence))


def test_someone_elses_database_without_a_ledger_fails(
    deployed: Deployed, from_afar: Callable[[], MigrationFacts]
) -> None:
    found = from_afar()
    assert found.ledger.value.entries == ()
    assert deployed.verdicts(found)["applied"].outcome is Outcome.FAIL


def test_a_role_that_may_not_see_the_ledger_is_denied_and_sees_the_schema(
    deployed: Deployed, from_afar: Callable[[], MigrationFacts]
) -> None:
    deployed.migrate()
    found = from_afar()
    for fact in (found.ledger, found.verified):
        assert fact.denied
        assert "permission denied" in (fact.trouble or "")
    seen, whole = found.schema.value, deployed.read().schema.value
    assert seen.relations.keys() == whole.relations.keys()
    assert (seen.functions, seen.indexed) == (whole.functions, whole.indexed)
    verdicts = deployed.verdicts(found)
    for domain in ("identity", "session", "research", "audit", "knowledge", "governance"):
        assert verdicts[domain].outcome is Outcome.PASS
    assert verdicts["audit_append_only"].outcome is Outcome.PASS
