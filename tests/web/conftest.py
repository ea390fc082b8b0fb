"""A real browser on a served city, watching for everything that goes wrong in a page."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ..served import Served

BUILT = Path(__file__).resolve().parents[2] / "citytwin" / "api" / "static" / "index.html"
READY_MS = 60_000
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
CITY = """\
id: tiny
title: {zh: 小城, en: Tiny}
zone: Asia/Shanghai
center: [121.93, 30.90]
bounds: [121.90, 30.88, 121.96, 30.92]
packs: [hello]
"""


@dataclass
class Visit:
    """A tab of a browser: where it is, and what went wrong in it."""

    base: str
    page: Any
    faults: list[str] = field(default_factory=list)
    allowed: set[int] = field(default_factory=set)
    """Statuses that are meant to come: a browser logs them as errors."""

    def log(self, text: str, url: str) -> None:
        if not any(f"status of {status}" in text for status in self.allowed):
            self.faults.append(f"{text} at {url}")

    def go(self, path: str) -> Visit:
        self.page.goto(self.base + path)
        return self.ready()

    def ready(self) -> Visit:
        self.page.wait_for_selector("body[data-ready]", timeout=READY_MS)
        return self

    def see(self, testid: str) -> Any:
        return self.page.locator(f"[data-testid='{testid}']")

    def text(self) -> str:
        return str(self.page.inner_text("main"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if not CHROMIUM:
        pytest.skip("chromium is not installed (Debian: apt install chromium fonts-noto-cjk)")
    if not BUILT.is_file():
        pytest.skip("the web app is not built (make web)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def tiny(serve: Callable[..., Served], tmp_path_factory: pytest.TempPathFactory) -> Served:
    """A city of the smallest pack, with a day of demo data and the first run of its model."""
    folder = tmp_path_factory.mktemp("tiny") / "city"
    folder.mkdir()
    (folder / "city.yaml").write_text(CITY, "utf-8")
    city = serve(folder / "home", "--city", str(folder), "--demo-days", "1")
    wait_for(lambda: city.get("/api/runs?state=done&limit=1")["items"])  # models begin seconds after the server
    return city


def wait_for(look: Callable[[], Any], limit_s: float = 120.0) -> Any:
    """What `look` finds, once it finds something: the server works at its own pace."""
    deadline = time.monotonic() + limit_s
    while not (found := look()):
        if time.monotonic() > deadline:
            pytest.fail("not there in time")
        time.sleep(0.2)
    return found


def _tab(browser: Any, base: str) -> Iterator[Visit]:
    """A fresh tab, Chinese as it opens; what it logs as an error, and whatever it asks of elsewhere, is a fault."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    visit = Visit(base, context.new_page())
    visit.page.on(
        "console",
        lambda m: visit.log(m.text, m.location["url"]) if m.type in ("error", "warning") else None,
    )
    visit.page.on("pageerror", lambda e: visit.faults.append(str(e)))
    visit.page.on(
        "request",
        lambda r: None if r.url.startswith((base, "data:", "blob:")) else visit.faults.append(f"asked {r.url}"),
    )
    yield visit
    context.close()


@pytest.fixture
def visits(browser: Any) -> Iterator[Callable[[str], Visit]]:
    """Fresh tabs, each as on a machine of its own."""
    with ExitStack() as stack:
        yield lambda base: stack.enter_context(contextmanager(_tab)(browser, base))


@pytest.fixture
def visit(browser: Any, tiny: Served) -> Iterator[Visit]:
    """A tab on the tiny city."""
    yield from _tab(browser, tiny.url)


@pytest.fixture
def visit_lingang(browser: Any, lingang: Served) -> Iterator[Visit]:
    """A tab on the reference city."""
    yield from _tab(browser, lingang.url)
