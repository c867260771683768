"""Every page of the built course, as a reader's browser sees it."""

import functools
import io
import re
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from PIL import Image

from book._kit import model_map
from book._kit.api import rooms
from book._kit.repository import ROOT, repository

from .conftest import SITE, chapter_names, page_names

PAGES, CHAPTERS = page_names(), chapter_names()
every_page = pytest.mark.parametrize("name", PAGES)
every_chapter = pytest.mark.parametrize("name", CHAPTERS)


def soup(name):
    return BeautifulSoup((SITE / name).read_text("utf8"), "html.parser")


@functools.cache
def anchors(name):
    """What a link to a page may name after its #."""
    tags = soup(name).find_all(True)
    return {value for tag in tags for value in (tag.get("id"), tag.get("name"))}


def test_the_site_has_its_pages():
    assert len(PAGES) >= 8
    assert len(CHAPTERS) >= 3


@every_page
def test_nothing_is_loaded_from_elsewhere_and_nothing_goes_wrong(name, open_page, root):
    page = open_page(name)
    assert [url for url in page.requested if not url.startswith((root, "data:"))] == []
    assert page.said == []


@every_chapter
def test_mathematics_is_rendered(name, open_page):
    page = open_page(name)
    written = soup(name).select(".math")
    assert written, "a chapter has at least one formula"
    assert page.locator("mjx-container").count() >= len(written)
    assert page.locator("mjx-merror").count() == 0
    visible = page.locator("article").inner_text()
    assert "\\(" not in visible and "\\[" not in visible


@every_page
def test_internal_links_resolve(name):
    page = soup(name)
    for link in page.select("a[href]"):
        target, anchor = urldefrag(urljoin(name, link["href"]))
        if urlsplit(target).scheme:
            continue
        path = SITE / unquote(urlsplit(target).path)
        assert path.exists(), f"{name} links to {target}"
        if anchor and path.suffix == ".html":
            assert unquote(anchor) in anchors(target or name), (
                f"{name} links to {target}#{anchor}"
            )


@every_page
def test_figures_say_what_they_show(name):
    for image in soup(name).select("article img"):
        alt = image.get("alt", "")
        assert len(alt) > 20, f"{name}: {image.get('src')} has alt text {alt!r}"


@every_page
@pytest.mark.parametrize("width", [360, 768])
def test_narrow_screens_do_not_scroll_sideways(name, width, open_page):
    page = open_page(name, width=width)
    overflow = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert overflow <= 0


@every_chapter
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_figures_are_legible(name, dark, open_page):
    """The darkest ink against a figure's ground, as displayed, by WCAG's contrast."""
    page = open_page(name, dark=dark)
    expected = "dark" if dark else "light"
    assert page.locator("html").get_attribute("data-theme") == expected
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    figures = page.locator("article .cell_output img")
    assert figures.count() >= 2
    for position in range(figures.count()):
        shot = figures.nth(position).screenshot()
        pixels = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")) / 255
        linear = ((pixels + 0.055) / 1.055) ** 2.4
        luminance = linear @ [0.2126, 0.7152, 0.0722]
        ink, ground = np.quantile(luminance, 1 / 500), luminance[3, 3]  # of the margin
        light, deep = max(ink, ground), min(ink, ground)
        assert (light + 0.05) / (deep + 0.05) > 4.5, f"figure {position + 1} of {name}"


@every_chapter
def test_the_colab_button_opens_the_twin(name, open_page):
    page = open_page(name)
    twin = name.replace(".html", ".ipynb")
    expected = (
        f"https://colab.research.google.com/github/{repository()}/blob/main/{twin}"
    )
    links = {
        link.get_attribute("href")
        for link in page.locator("a[href*='colab.research']").all()
    }
    assert links == {expected}
    assert (ROOT / twin).exists()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("receptive field", "Receptive fields"),
        ("感受野", "Glossary"),
        ("max pooling", "Pooling"),
        ("AlexNet", "AlexNet"),
    ],
)
def test_search_finds(query, found, open_page):
    page = open_page(f"search.html?q={query}")
    page.wait_for_selector("#search-results li a")
    titles = page.locator("#search-results li a").all_inner_texts()
    assert any(found in title for title in titles), titles


@every_page
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_no_serious_accessibility_violation(name, dark, open_page):
    options = {"resultTypes": ["violations"]}  # no list of what is well
    if dark:  # the same page in other colours
        rules = ["color-contrast", "link-in-text-block"]  # all of colour, at level AA
        options["runOnly"] = {"type": "rule", "values": rules}
    result = Axe().run(open_page(name, dark=dark), options=options).response
    serious = [
        f"{v['id']}: {node['html'][:120]}"
        for v in result["violations"]
        if v["impact"] in ("serious", "critical")
        for node in v["nodes"]
    ]
    assert serious == []


@every_page
def test_long_numbers_of_tables_have_separators(name):
    cells = [cell.get_text() for cell in soup(name).select("article td")]
    assert [cell for cell in cells if re.search(r"(?<![\w.,])\d{5,}(?!\w)", cell)] == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_map_is_links_that_one_can_read_and_reach(dark, open_page):
    page = open_page("book/start/at_a_glance.html", width=360, dark=dark)
    links = page.locator("svg.model-map a")
    assert links.count() == len(model_map.load().networks)
    for link in links.all():
        box, text = link.bounding_box(), link.locator("text").bounding_box()
        assert box["height"] >= 24 and text["width"] <= box["width"]
    links.first.focus()
    assert page.evaluate("document.activeElement.textContent") == "LeNet-5"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "AlexNet"
    width = page.evaluate(
        "getComputedStyle(document.activeElement.querySelector('rect')).strokeWidth"
    )
    assert width == "3px"


def test_every_public_name_has_its_entry():
    for room in rooms():
        entries = anchors(f"book/api/{room.name}.html")
        for name in room.names:
            assert f"{room.module}.{name.name}" in entries


def test_the_code_of_a_chapter_leads_to_the_reference():
    links = soup("book/lineage/alexnet.html").select(".highlight a.api")
    assert "AlexNet" in {link.text.split(".")[-1] for link in links}
    for link in links:
        page, anchor = urldefrag(urljoin("book/lineage/alexnet.html", link["href"]))
        assert anchor in anchors(page)


def test_the_root_leads_to_the_course(open_page):
    page = open_page("index.html")
    page.wait_for_url("**/book/index.html")
    assert (
        page.locator("h1")
        .first.inner_text()
        .startswith("Convolutional Networks, Verified")
    )
