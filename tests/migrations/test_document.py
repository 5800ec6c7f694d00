"""The schema's pages, from real databases; docs/schema is what the shipped migrations make."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.migrations.conftest import Scratch, scratch
from tests.migrations.shops import ODD, SHOP
from tests.postgres.conftest import Cluster

from rfdata.migrations import document, inventory
from rfdata.migrations.document import file_names
from rfdata.migrations.structure import Inventory, Namespace

SHOP_PAGE = "shop-2.md"
"""Its schema is called as another one, but for a capital letter."""

DOCS = Path(__file__).parents[2] / "docs" / "schema"


def read(database: Scratch) -> Inventory:
    with database.superuser() as session:
        return inventory.read(session)


@pytest.fixture
def shop(blank: Scratch) -> Scratch:
    """For tests that change it."""
    blank.run(SHOP)
    return blank


@pytest.fixture(scope="module")
def found(pristine: Cluster) -> Iterator[Inventory]:
    with scratch(pristine) as made:
        made.run(SHOP)
        yield read(made)


def test_docs_schema_is_current(migrated: Scratch) -> None:
    wanted = document.render(read(migrated))
    there = {path.name: path.read_text(encoding="utf-8") for path in DOCS.iterdir()}
    assert there.keys() == wanted.keys(), "run scripts/generate_schema_docs.py"
    stale = [name for name, text in wanted.items() if there[name] != text]
    assert not stale, "run scripts/generate_schema_docs.py"


def test_rows_change_nothing_but_sizes(shop: Scratch) -> None:
    before = read(shop)
    shop.run(
        "INSERT INTO shop.sales (sold_at, price) "
        "SELECT '2025-01-05'::timestamptz + i * interval '1 hour', 1 FROM generate_series(1, 900) AS i;"
        "CREATE TABLE shop.sales_3 PARTITION OF shop.sales "
        "FOR VALUES FROM ('2025-06-01 00:00+00') TO ('2025-07-01 00:00+00')"
    )
    shop.run("ANALYZE")
    after = read(shop)
    assert document.render(after) == document.render(before)
    with_sizes = document.render(after, sizes=True)
    assert "| [sales](#sales) |  | about 900 | " in with_sizes[SHOP_PAGE]
    assert "Partitions by month, `RANGE (sold_at)`" in with_sizes[SHOP_PAGE]
    assert "; 4 now." in with_sizes[SHOP_PAGE]
    assert with_sizes != document.render(before, sizes=True)


def test_an_empty_database_says_so(blank: Scratch) -> None:
    pages = document.render(read(blank))
    assert pages.keys() == {"README.md", "overview.svg"}
    assert "no schema of its own yet" in pages["README.md"]


def test_an_empty_schema_says_so(blank: Scratch) -> None:
    blank.run("CREATE SCHEMA attic; COMMENT ON SCHEMA attic IS 'For later.'")
    pages = document.render(read(blank))
    assert pages.keys() == {"README.md", "overview.svg", "attic.md"}
    assert "For later." in pages["README.md"]
    assert "Nothing is in it yet." in pages["attic.md"]


@pytest.mark.parametrize(
    "line",
    [
        "People \\| who \\*buy\\*.",
        "Row-level security is on.",
        "| `id` | `uuid` | PK | `gen_random_uuid()` |  |",
        "| `number` | `bigint` |  | identity always |  |",
        "| `name` | `text` |  |  | As they say it, not as the passport does. |",
        "| `loud` | `text` null |  | generated stored, `upper(name)` |  |",
        "| `referred_by` | `uuid` null | → [shop.customers](shop-2.md#customers) |  |  |",
        "- `customers_pkey`: `PRIMARY KEY (id)`",
        "- `customers_referred_by_fkey`: `referred_by` → [shop.customers](shop-2.md#customers) `id`",
        "- `addresses_customer_id_fkey`: `customer_id` → [shop.customers](shop-2.md#customers) `id` ON DELETE CASCADE",
        "- [shop.addresses](shop-2.md#addresses) `customer_id`",
        "- `named`: `CHECK (name <> ''::text)`. Nobody is called nothing.",
        "- `customers_likes`: `hnsw (likes vector_cosine_ops)`",
        "- `customers_mood`: `btree (mood) WHERE (mood IS NOT NULL)`. The angry ones are called first.",
        "- `mine`: for ALL to `rf_research_read` using `((id)::text = current_setting('app.user_id'::text, true))`",
        "- `stamp`: `BEFORE UPDATE ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.stamp()`. Does nothing.",
        "- `rf_research_write`: INSERT, SELECT, UPDATE",
        "- `rf_jobs`: UPDATE on `born`, `mood`",
        "Partitions by month, `RANGE (sold_at)`, one of them for whatever fits no other.",
        "A materialized view.",
        "- `raise(what text, by numeric DEFAULT 1.5)` → `SETOF shop.customers`  ",
        "  Prices only ever rise.  ",
        "  sql, stable, **security definer**, `search_path=pg_catalog, pg_temp`. Called by: `rf_jobs`.",
        "| `mood` | enum | `glad`, `so-so`, `angry` | How they left. |",
    ],
)
def test_a_page_says(found: Inventory, line: str) -> None:
    assert line in document.render(found)[SHOP_PAGE].splitlines()


def test_what_roles_may_do(found: Inventory) -> None:
    overview = document.render(found)["README.md"].splitlines()
    assert "| Role | [Shop](Shop.md) | [public](public.md) | [shop](shop-2.md) |" in overview
    assert "| `rf_research_read` |  |  | SELECT 1 |" in overview
    assert "| `rf_research_write` |  |  | SELECT 1, INSERT 1, UPDATE 1, without USAGE |" in overview
    assert "| `rf_jobs` |  |  | UPDATE 1, EXECUTE 1, without USAGE |" in overview


def anchors(page: str) -> set[str]:
    """The fragments that GitHub gives a page's headings."""
    found: dict[str, int] = {}
    names = set()
    for heading in re.findall(r"^#+ (.+)$", page, re.MULTILINE):
        shown = re.sub(r"\\(.)", r"\1", heading).replace("&lt;", "<").replace("&amp;", "&")
        slug = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        names.add(f"{slug}-{found[slug]}" if slug in found else slug)
        found[slug] = found.get(slug, 0) + 1
    return names


def dead_links(pages: Mapping[str, str]) -> list[str]:
    dead = []
    for name, text in pages.items():
        prose = re.sub(r"(`+).*?(?<!`)\1(?!`)", "", text)
        for target in re.findall(r"\]\(([^)]*)\)", prose) if name.endswith(".md") else ():
            file, _, fragment = target.partition("#")
            page = pages.get(file or name)
            if page is None or (fragment and fragment not in anchors(page)):
                dead.append(f"{name}: {target}")
    return dead


def test_every_link_leads_somewhere(migrated: Scratch, shop: Scratch) -> None:
    assert not dead_links(document.render(read(migrated)))
    shop.run("CREATE TABLE shop.tables (id int); CREATE TABLE shop.shop (id int)")
    assert not dead_links(document.render(read(shop)))


def test_names_and_comments_can_t_break_a_page(found: Inventory) -> None:
    pages = document.render(found)
    page = pages["Shop.md"]
    assert f"`` {ODD.replace('|', chr(92) + '|')} ``" in page
    assert "&lt;script>alert(1)&lt;/script> \\| \\`x\\`" in page
    assert "<script" not in page
    for text in (text for name, text in pages.items() if name.endswith(".md")):
        cells = 0
        for line in text.splitlines():
            now = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
            assert not (cells and now) or now == cells, line
            cells = now


def test_every_schema_has_a_file_name_of_its_own() -> None:
    names = ["a", "A", "readme", "Overview", "a/b", "a b", "../x", "…"]
    found = file_names([Namespace(name, "", {}) for name in names])
    assert list(found) == names
    assert len({name.lower() for name in found.values()} | {"readme", "overview"}) == 10
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", name) for name in found.values())


def test_a_key_to_a_table_that_is_not_shown_is_named_all_the_same(found: Inventory) -> None:
    only = tuple(one for one in found.namespaces if one.name == "Shop")
    pages = document.render(replace(found, namespaces=only))
    assert "→ shop.customers `id`" in pages["Shop.md"]
    assert not dead_links(pages)
