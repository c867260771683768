"""The built site, served on loopback, and a real headless Chromium that reads it."""

import functools
import http.server
import os
import shutil
import threading
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from book._kit.repository import ROOT

SITE = ROOT / "_build" / "html"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def page_names():
    """Every page of the course, as a path below the site's root."""
    pages = sorted((SITE / "book").rglob("*.html"))
    return [page.relative_to(SITE).as_posix() for page in pages]


def chapter_names():
    return [
        name
        for name in page_names()
        if (ROOT / Path(name).with_suffix(".ipynb")).exists()
    ]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="session")
def root():
    assert (SITE / "book" / "index.html").exists(), "Build the site first: make book"
    handler = functools.partial(Quiet, directory=SITE)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="session")
def browser():
    found = filter(None, map(shutil.which, BROWSERS))
    path = os.environ.get("CHROMIUM") or next(found, None)
    assert path, "No Chromium found. On Debian or Ubuntu: sudo apt-get install chromium"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


class Reader:
    """One browser that keeps the page it reads until it is asked for another.

    Opening costs a second and reading it almost nothing, so the tests of a page, which
    run in a row, share it: each finds it in its width, with its folds as loaded. A
    narrow page is one that was narrow when it was opened, as on a phone.
    """

    def __init__(self, browser, root):
        self.browser, self.root = browser, root
        self.place, self.page = None, None

    def open(self, name, width=1300, dark=False):
        place = name, width < 1000, dark
        if self.place != place:
            self.close()
            self.page = self.load(name, width, dark)
            self.place = place
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.evaluate(
            "document.querySelectorAll('details').forEach(d => {"
            "  d.asLoaded ??= d.open; d.open = d.asLoaded })"
        )
        return self.page

    def load(self, name, width, dark):
        """Open a page, wait for its mathematics, keep what it requested and said."""
        context = self.browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
        )
        page = context.new_page()
        page.requested, page.said = [], []
        page.on("request", lambda request: page.requested.append(request.url))
        page.on(
            "console",
            lambda line: (
                line.type in ("error", "warning") and page.said.append(line.text)
            ),
        )
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on(
            "response",
            lambda r: r.status >= 400 and page.said.append(f"{r.status} {r.url}"),
        )
        page.goto(self.root + name, wait_until="networkidle")
        page.evaluate("window.MathJax?.startup?.promise")
        return page

    def close(self):
        if self.page:
            self.page.context.close()
        self.place = self.page = None


@pytest.fixture(scope="session")
def reader(browser, root):
    it = Reader(browser, root)
    yield it
    it.close()


@pytest.fixture
def open_page(reader):
    """Function `(name, width=1300, dark=False)` that opens a page of the site."""
    return reader.open


def pytest_collection_modifyitems(items):
    """The tests of one page in a row, and for xdist in one group."""
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in here:
        item.add_marker(pytest.mark.xdist_group(parameters(item).get("name", "site")))
    elsewhere = [item for item in items if item not in here]
    items[:] = elsewhere + sorted(here, key=reading_order)


def parameters(item):
    return item.callspec.params if hasattr(item, "callspec") else {}


def reading_order(item):
    given = parameters(item)
    return given.get("name", ""), given.get("dark", False), "width" in given
