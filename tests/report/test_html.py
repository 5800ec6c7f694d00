"""The page: well-formed, alone, safe against what it shows, readable by everyone."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from html.parser import HTMLParser
from importlib import resources
from itertools import product

import pytest

from rfdata.model.verdict import Outcome, Report
from rfdata.report import html

VOID = {"meta", "link", "input", "br", "img", "hr"}
LOADING = {
    "src",
    "srcset",
    "action",
    "formaction",
    "data",
    "poster",
    "background",
    "xlink:href",
    "style",
}


class Page(HTMLParser):
    """Follows open elements and collects what a browser would look at."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.content: dict[str, str] = {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, attrs)
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style"):
            self.content[self.open[-1]] = data
        else:
            self.text.append(data)

    def all(self, tag: str, **attributes: str) -> list[dict[str, str]]:
        return [
            found
            for name, found in self.elements
            if name == tag and attributes.items() <= found.items()
        ]


@pytest.fixture(params=["small", "whole", "hostile"])
def page(request: pytest.FixtureRequest) -> Page:
    return Page(html.render(request.getfixturevalue(request.param)))


def test_every_line_stands_in_its_section(whole: Report) -> None:
    page = Page(html.render(whole))
    lines = page.all("details", **{"class": "line"})
    assert [(line["id"], line["data-outcome"]) for line in lines] == [
        (line.id, line.outcome.value) for line in whole.lines
    ]
    assert len(page.all("details", **{"class": "check"})) == len(whole.checks)
    assert len(page.all("section", **{"class": "section"})) == 15


def test_links_lead_to_something_in_the_page(page: Page) -> None:
    ids = [found["id"] for _, found in page.elements if "id" in found]
    assert len(ids) == len(set(ids))
    for link in page.all("a") + page.all("use"):
        target = link["href"].removeprefix("#")
        assert target in ids or target == "outcome=fail,unknown"


def test_nothing_is_loaded(page: Page) -> None:
    for tag, attributes in page.elements:
        assert not LOADING & attributes.keys()
        assert not [name for name in attributes if name.startswith("on")]
        address = attributes.get("href", "")
        assert address.startswith("#") or (tag, address) in (
            ("link", "data:,"),
            *([(tag, "")] if tag != "a" else []),
        )
        assert tag not in {"iframe", "object", "embed", "img", "base", "form", "video", "audio"}
    assert not re.search(r"url\(|@import|https?:", page.content["style"])
    assert not re.search(
        r"fetch|XMLHttp|import\(|https?:|innerHTML|eval|WebSocket", page.content["script"]
    )


def test_only_our_own_script_and_style_may_run(page: Page) -> None:
    assert len(page.all("script")) == len(page.all("style")) == 1
    policy = page.all("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    assert policy.startswith("default-src 'none';")
    for kind in ("style", "script"):
        digest = hashlib.sha256(page.content[kind].encode()).digest()
        assert f"{kind}-src 'sha256-{base64.b64encode(digest).decode()}'" in policy


def test_hostile_text_stays_text(hostile: Report) -> None:
    rendered = html.render(hostile)
    page = Page(rendered)
    assert "</script></style><script>alert(1)</script>" in "".join(page.text)
    assert "{{7*7}}{% raw %}" in "".join(page.text)
    assert r"\x1b[31mred\x07\u202egnp.exe\u2066\ufeff\ud800" in "".join(page.text)
    assert not set(rendered) & set("\x00\x1b\x07\u202e\u2066\ufeff\ud800")
    rendered.encode("utf-8")


def test_what_the_evidence_says_is_all_there(small: Report) -> None:
    text = "".join(Page(html.render(small)).text)
    for check in small.checks:
        for said in (check.item.id, check.item.why, check.item.remedy, check.verdict.expected):
            assert said in text
        assert check.verdict.note in text
    assert all(line.text in text and line.deviation in text for line in small.lines)
    assert "1 of 8 lines fails, and 1 could not be read." in text
    assert "2026-11-22 15:30:13 UTC, in 1.5 s" in text
    assert 'rfdata attest 9.1 --by "NAME"' in text


def test_each_outcome_has_a_word_and_a_sign(whole: Report) -> None:
    page = Page(html.render(whole))
    signs = {found["id"] for found in page.all("symbol")}
    assert {f"i-{outcome}" for outcome in Outcome} <= signs


def test_it_is_small_and_quick(whole: Report) -> None:
    assert len(html.render(whole).encode()) <= 450_000
    took = []
    for _ in range(8):
        started = time.process_time()
        html.render(whole)
        took.append(time.process_time() - started)
    assert min(took) <= 0.1


def themes() -> dict[str, dict[str, str]]:
    css = (resources.files("rfdata.report") / "page.css").read_text()
    light, dark, chosen = re.findall(r"color-scheme: (?:light|dark);(.*?)}", css, re.DOTALL)
    found = [
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in (light, dark, chosen)
    ]
    assert found[1] == found[2]
    return {"light": found[0], "dark": found[1]}


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2.2."""
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everyone_can_read_it(theme: str) -> None:
    colours = themes()[theme]
    for text, ground in product(("ink", "soft", "faint"), ("bg", "card", "wash")):
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for outcome, ground in product(Outcome, ("bg", "card", "wash", "own")):
        under = colours[f"{outcome}-wash" if ground == "own" else ground]
        assert contrast(colours[f"{outcome}-ink"], under) >= 4.5, (outcome, ground)
    assert contrast(colours["edge"], colours["card"]) >= 3, "borders of fields"
