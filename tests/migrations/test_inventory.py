"""What is read of the catalogue, from a real one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.migrations.conftest import Scratch, scratch
from tests.migrations.shops import ODD, SHOP
from tests.postgres.conftest import Cluster

from rfdata.errors import Unreachable
from rfdata.migrations import inventory
from rfdata.migrations.structure import (
    Check,
    Column,
    Inventory,
    Key,
    Partitions,
    Policy,
    Size,
    Table,
    Trigger,
    Type,
)
from rfdata.model.migrations import Schema


@pytest.fixture(scope="module")
def shop(pristine: Cluster) -> Iterator[Scratch]:
    with scratch(pristine) as made:
        made.run(SHOP)
        # Only who may use the extension's schema has its types by their short names.
        made.run("GRANT USAGE ON SCHEMA public TO researchflow_monitor")
        yield made


@pytest.fixture(scope="module")
def found(shop: Scratch) -> Inventory:
    with shop.superuser() as session:
        return inventory.read(session)


@pytest.fixture(scope="module")
def brief(shop: Scratch) -> Schema:
    with shop.superuser() as session:
        return inventory.schema(session)


def table(found: Inventory, name: str) -> Table:
    (one,) = (each for each in found.tables if each.qualified == name)
    return one


CUSTOMERS = "shop.customers"


def test_schemas_of_ours_only(found: Inventory) -> None:
    assert {one.name: one.comment for one in found.namespaces} == {
        "Shop": "",
        "public": "standard public schema",
        "shop": "What is sold, and to whom.",
    }
    assert found.extensions == ("vector",)


def test_tables_and_views_with_partitions_left_to_their_table(found: Inventory) -> None:
    assert {one.qualified: one.kind for one in found.tables} == {
        f"Shop.{ODD}": "table",
        "public.loose": "table",
        "shop.addresses": "table",
        "shop.counted": "materialized view",
        CUSTOMERS: "table",
        "shop.names": "view",
        "shop.sales": "partitioned table",
    }


def test_columns(found: Inventory) -> None:
    columns = table(found, CUSTOMERS).columns
    said = "As they say it,\nnot as the passport does."
    both = {"rf_jobs": frozenset({"UPDATE"})}
    assert columns == (
        Column("id", "uuid", True, "gen_random_uuid()", "", "", {}),
        Column("number", "bigint", True, "", "identity always", "", {}),
        Column("name", "text", True, "", "", said, {}),
        Column("loud", "text", False, "upper(name)", "generated stored", "", {}),
        Column("born", "timestamptz(3)", False, "", "", "", both),
        Column("mood", "shop.mood", False, "", "", "", both),
        Column("likes", "vector(3)", False, "", "", "", {}),
        Column("referred_by", "uuid", False, "", "", "", {}),
    )


def test_keys_and_checks(found: Inventory) -> None:
    customers = table(found, CUSTOMERS)
    assert customers.keys == (
        Key("customers_pkey", "primary key", ("id",), "PRIMARY KEY (id)"),
        Key("customers_number_key", "unique", ("number",), "UNIQUE (number)"),
    )
    assert customers.checks == (
        Check("named", "CHECK (name <> ''::text)", "Nobody is called nothing."),
    )


@pytest.mark.parametrize(
    ("name", "columns", "rules", "optional", "one_to_one"),
    [
        (CUSTOMERS, ("referred_by",), "", True, False),
        ("shop.addresses", ("customer_id",), "ON DELETE CASCADE", False, True),
        ("shop.sales", ("customer_id",), "", True, False),
        (f"Shop.{ODD}", ("customer_id",), "", False, False),
    ],
)
def test_foreign_keys(
    found: Inventory,
    name: str,
    columns: tuple[str, ...],
    rules: str,
    optional: bool,
    one_to_one: bool,
) -> None:
    child = table(found, name)
    (key,) = child.foreign_keys
    assert (key.schema, key.table, key.referenced) == ("shop", "customers", ("id",))
    assert (key.columns, key.rules) == (columns, rules)
    assert (child.optional(key), child.one_to_one(key)) == (optional, one_to_one)


def test_indexes(found: Inventory) -> None:
    indexes = {one.name: one for one in table(found, CUSTOMERS).indexes}
    assert {name: (one.method, one.definition) for name, one in indexes.items()} == {
        "customers_likes": ("hnsw", "hnsw (likes vector_cosine_ops)"),
        "customers_mood": ("btree", "btree (mood) WHERE (mood IS NOT NULL)"),
        "customers_number_key": ("btree", "btree (number)"),
        "customers_pkey": ("btree", "btree (id)"),
    }
    assert indexes["customers_mood"].comment == "The angry ones are called first."
    assert [one.backs_constraint for one in indexes.values()] == [False, False, True, True]
    assert all(one.valid and one.size > 0 for one in indexes.values())


def test_partitions_are_summed_up(found: Inventory) -> None:
    sales = table(found, "shop.sales")
    assert sales.partitions == Partitions("RANGE (sold_at)", "month", 3, default=True)
    assert [one.name for one in sales.indexes] == ["sales_pkey", "sales_sold_at"]
    page = 8192
    assert [one.size for one in sales.indexes] == [3 * page, 3 * page]
    assert sales.size == Size(heap=0, indexes=6 * page, toast=3 * page, total=9 * page)


def test_rows_and_sizes_grow(blank: Scratch) -> None:
    blank.run(SHOP)
    blank.run(
        "INSERT INTO shop.sales (sold_at, price) "
        "SELECT '2025-01-05'::timestamptz + i * interval '1 day', 1 FROM generate_series(1, 60) AS i"
    )
    blank.run("ANALYZE shop.sales")
    with blank.superuser() as session:
        read = inventory.read(session)
    sales, customers = table(read, "shop.sales"), table(read, CUSTOMERS)
    assert (sales.rows, customers.rows) == (60, None)
    assert sales.size.heap == 2 * 8192
    assert sales.size.total >= sales.size.heap + sales.size.indexes + sales.size.toast


def test_row_security_policies_and_triggers(found: Inventory) -> None:
    customers = table(found, CUSTOMERS)
    assert customers.row_security == "enabled"
    using = "((id)::text = current_setting('app.user_id'::text, true))"
    assert customers.policies == (
        Policy("mine", "ALL", True, ("rf_research_read",), using, "", ""),
    )
    fires = "BEFORE UPDATE ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.stamp()"
    assert customers.triggers == (Trigger("stamp", fires, "Does nothing."),)


def test_grants_without_the_owner(found: Inventory) -> None:
    (shop,) = (one for one in found.namespaces if one.name == "shop")
    assert shop.grants == {"rf_research_read": frozenset({"USAGE"})}
    assert table(found, CUSTOMERS).grants == {
        "rf_research_read": frozenset({"SELECT"}),
        "rf_research_write": frozenset({"SELECT", "INSERT", "UPDATE"}),
    }
    roles = {role.name: role for role in found.roles}
    monitor = "researchflow_monitor"
    assert roles.keys() == {"PUBLIC", monitor, "rf_jobs", "rf_research_read", "rf_research_write"}
    assert "researchflow_worker" in roles["rf_jobs"].members


def test_functions(found: Inventory) -> None:
    (shop,) = (one for one in found.namespaces if one.name == "shop")
    functions = {one.name: one for one in shop.functions}
    assert {name: one.kind for name, one in functions.items()} == {
        "close": "procedure",
        # What CREATE TYPE AS RANGE makes to go with it.
        "days": "function",
        "days_multirange": "function",
        "raise": "function",
        "stamp": "function",
        "total": "aggregate",
    }
    one = functions["raise"]
    assert one.arguments == "what text, by numeric DEFAULT 1.5"
    assert one.returns == "SETOF shop.customers"
    assert (one.language, one.volatility, one.security_definer) == ("sql", "stable", True)
    assert one.settings == ("search_path=pg_catalog, pg_temp",)
    assert one.comment == "Prices only ever rise."
    assert one.grants == {"rf_jobs": frozenset({"EXECUTE"})}
    assert functions["stamp"].grants == {"PUBLIC": frozenset({"EXECUTE"})}


def test_types(found: Inventory) -> None:
    (shop,) = (one for one in found.namespaces if one.name == "shop")
    assert shop.types == (
        Type("days", "range", ("date",), ""),
        Type("mood", "enum", ("glad", "so-so", "angry"), "How they left."),
        Type("price", "domain", ("numeric(10,2)", "NOT NULL", "CHECK (VALUE > 0::numeric)"), ""),
        Type("size", "composite", ("wide integer", "high integer"), ""),
    )


@pytest.mark.parametrize(
    "setting",
    [
        "search_path = shop",
        "TimeZone = 'Asia/Kathmandu'",
        "DateStyle = 'German'",
        "quote_all_identifiers = on",
    ],
)
def test_the_session_s_settings_change_nothing(
    shop: Scratch, found: Inventory, brief: Schema, setting: str
) -> None:
    with shop.superuser() as session:
        session.execute(f"SET {setting}".encode())
        assert inventory.read(session) == found
        assert inventory.schema(session) == brief
        shown = session.execute(f"SHOW {setting.partition(' ')[0]}".encode()).fetchone()
    assert shown is not None
    assert shown[0].strip("'").split(",")[0] in setting.replace("'", "")


def test_whoever_may_connect_may_read_it(shop: Scratch, found: Inventory, brief: Schema) -> None:
    with shop.superuser() as session:
        session.execute("SET SESSION AUTHORIZATION researchflow_monitor")
        assert inventory.read(session) == found
        assert inventory.schema(session) == brief


def test_an_empty_database_has_nothing(blank: Scratch) -> None:
    with blank.superuser() as session:
        assert inventory.read(session) == Inventory((), (), ())
        assert inventory.schema(session) == Schema({}, frozenset(), (), ())


@pytest.mark.parametrize("read", [inventory.read, inventory.schema])
def test_a_lost_server_is_said(shop: Scratch, read: Any) -> None:
    with shop.superuser() as session:
        session.close()
        with pytest.raises(Unreachable, match="the catalogue"):
            read(session)


def test_brief_relations(brief: Schema) -> None:
    assert {name: one.kind for name, one in brief.relations.items()} == {
        f"Shop.{ODD}": "table",
        "public.loose": "table",
        "shop.addresses": "table",
        "shop.counted": "materialized view",
        CUSTOMERS: "table",
        "shop.names": "view",
        "shop.sales": "partitioned",
        "shop.sales_1": "partition",
        "shop.sales_2": "partition",
        "shop.sales_rest": "partition",
    }
    customers = brief.relations[CUSTOMERS]
    assert customers.row_security
    assert not brief.relations["shop.sales"].row_security
    assert customers.columns["born"] == "timestamp(3) with time zone"
    assert list(customers.columns)[-2:] == ["likes", "referred_by"]
    assert customers.privileges["rf_research_write"] == {"SELECT", "INSERT", "UPDATE"}


def test_brief_comments_missing(brief: Schema) -> None:
    relations = brief.relations
    assert "name" not in relations[CUSTOMERS].uncommented
    assert "" not in relations[CUSTOMERS].uncommented
    assert relations["shop.addresses"].uncommented == ("", "customer_id", "line")
    assert relations["shop.sales_1"].uncommented == ()


def test_brief_functions_and_vector_indexes(brief: Schema) -> None:
    assert {"shop.raise", "shop.close", "shop.total"} <= brief.functions
    assert not {name for name in brief.functions if name.startswith(("rfdata", "public"))}
    definition = "ON shop.customers USING hnsw (likes vector_cosine_ops)"
    (only,) = brief.vector_indexes
    assert only == f"shop.customers_likes (CREATE INDEX customers_likes {definition})"
    assert brief.invalid_indexes == ()


@pytest.mark.parametrize(
    ("index", "covered"),
    [
        ("(a, b)", True),
        ("(b, a, c)", True),
        ("(a, c, b)", False),
        ("(a)", False),
        ("(a) INCLUDE (b)", False),
        ("(c, a, b)", False),
        ("(a, b) WHERE b IS NOT NULL", True),
        ("(a, b) WHERE c IS NOT NULL", False),
        ("(a, b) WHERE a > 3", False),
        ("(a, lower(b))", False),
        ("USING brin (a, b)", False),
    ],
)
def test_which_index_serves_a_foreign_key(blank: Scratch, index: str, covered: bool) -> None:
    blank.run(
        "CREATE TABLE parent (a int, b text, PRIMARY KEY (a, b));"
        "CREATE TABLE child (a int, b text, c int, CONSTRAINT up FOREIGN KEY (a, b) REFERENCES parent);"
        f"CREATE INDEX ON child {index}"
    )
    with blank.superuser() as session:
        child = inventory.schema(session).relations["public.child"]
    assert child.unindexed_foreign_keys == (() if covered else ("up",))


def test_an_index_that_failed_serves_nothing_and_is_named(blank: Scratch) -> None:
    blank.run("CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent VALUES (1)")
    blank.run("CREATE TABLE child (up int REFERENCES parent); INSERT INTO child VALUES (1), (1)")
    with blank.superuser() as session:
        import psycopg

        with pytest.raises(psycopg.errors.UniqueViolation):
            session.execute("CREATE UNIQUE INDEX CONCURRENTLY broken ON child (up)")
        read = inventory.schema(session)
        assert not table(inventory.read(session), "public.child").indexes[0].valid
    assert read.invalid_indexes == ("public.broken",)
    assert read.relations["public.child"].unindexed_foreign_keys == ("child_up_fkey",)


def test_a_partition_s_key_is_its_table_s_business(blank: Scratch) -> None:
    blank.run(
        "CREATE TABLE parent (id int PRIMARY KEY);"
        "CREATE TABLE child (up int REFERENCES parent) PARTITION BY LIST (up);"
        "CREATE TABLE child_1 PARTITION OF child FOR VALUES IN (1)"
    )
    with blank.superuser() as session:
        relations = inventory.schema(session).relations
    assert relations["public.child"].unindexed_foreign_keys == ("child_up_fkey",)
    assert relations["public.child_1"].unindexed_foreign_keys == ()
