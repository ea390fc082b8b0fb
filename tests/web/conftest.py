"""A city served to a real browser: the smallest pack, a day of demo data, the built web app."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "citytwin" / "api" / "static" / "index.html"
PATIENCE_S = 90
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

    def go(self, path: str) -> Visit:
        self.page.goto(self.base + path)
        return self.ready()

    def ready(self) -> Visit:
        self.page.wait_for_selector("body[data-ready]", timeout=READY_MS)
        return self

    def see(self, testid: str) -> Any:
        return self.page.locator(f"[data-testid='{testid}']")


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a served city."""
    if not CHROMIUM:
        pytest.skip("no chromium on this machine")
    if not BUILT.is_file():
        pytest.skip("the web app is not built: run make web")
    folder = tmp_path_factory.mktemp("city")
    (folder / "city.yaml").write_text(CITY, "utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "import sys; from citytwin.cli import main; sys.exit(main())", "serve"]
    options = ["--home", str(folder / "home"), "--city", str(folder), "--port", str(port), "--demo-days", "1"]
    log = folder / "log.txt"
    base = f"http://127.0.0.1:{port}"
    with log.open("w") as out, subprocess.Popen([*command, *options], stdout=out, stderr=out, cwd=folder) as server:
        try:
            _await(base, server, log)
            yield base
        finally:
            server.terminate()
            server.wait(timeout=30)


def _await(base: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{base}/api/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"the city was not served: {log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def browser(served: str) -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def visit(browser: Any, served: str) -> Iterator[Visit]:
    """A fresh tab, Chinese as it opens; what it logs as an error, and whatever it asks of elsewhere, is a fault."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    visit = Visit(served, context.new_page())
    visit.page.on("console", lambda m: visit.faults.append(m.text) if m.type in ("error", "warning") else None)
    visit.page.on("pageerror", lambda e: visit.faults.append(str(e)))
    visit.page.on(
        "request",
        lambda r: None if r.url.startswith((served, "data:", "blob:")) else visit.faults.append(f"asked {r.url}"),
    )
    yield visit
    context.close()
