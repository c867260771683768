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


@pytest.fixture
def open_page(browser, root):
    """Open a page, wait for its mathematics, keep what it requested and said."""
    contexts = []

    def open_it(name, width=1300, dark=False):
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
        )
        contexts.append(context)
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
        page.goto(root + name, wait_until="networkidle")
        page.evaluate("window.MathJax?.startup?.promise")
        return page

    yield open_it
    for context in contexts:
        context.close()
