"""Do the pages that teach work? Writes their files, types their commands, and compares what they print."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import citytwin

DOCS = Path(citytwin.__file__).parent.parent / "docs"
PAGE = DOCS / "tutorial.md"
PLAN = DOCS / "plan.md"
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.M | re.S)


@dataclass
class Reader:
    """Somebody who does what the page says, in an empty folder."""

    folder: Path
    port: int
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    draft: str = ""

    def write(self, path: str, text: str) -> None:
        target = self.folder / path
        assert target.resolve().is_relative_to(self.folder.resolve())
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")

    def type(self, command: str) -> str:
        """What a command prints; one that ends in & goes on in the background until it answers."""
        command = command.replace("8461", str(self.port)).replace("DRAFT", self.draft)
        behind = command.endswith("&")
        words = shlex.split(command.removesuffix("&"))
        if words[0] == "curl":
            body = words[words.index("-d") + 1] if "-d" in words else None
            return self._get(words[-1], body)
        assert words[0] == "citytwin", f"the reader has no {words[0]}"
        argv = [sys.executable, "-c", "import sys; from citytwin.cli import main; sys.exit(main())", *words[1:]]
        environment = {**os.environ, "PYTHONPATH": str(PAGE.parent.parent), "PYTHONIOENCODING": "utf-8"}
        if behind:
            with (self.folder / "server.log").open("wb") as log:
                self.running.append(subprocess.Popen(argv, cwd=self.folder, env=environment, stdout=log, stderr=log))
            return ""
        done = subprocess.run(
            argv,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        if found := re.match(r"plan_\w+", done.stdout.decode()):
            self.draft = found[0]
        return done.stdout.decode().replace(str(self.port), "8461")

    def _get(self, url: str, body: str | None = None) -> str:
        asked = urllib.request.Request(url, body.encode() if body else None, {"Content-Type": "application/json"})
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(asked, timeout=10) as answer:
                    return str(answer.read().decode())
            except urllib.error.HTTPError as e:
                return str(e.read().decode())
            except OSError:
                alive = all(p.poll() is None for p in self.running)
                if not alive or time.monotonic() > deadline:
                    raise AssertionError((self.folder / "server.log").read_text("utf-8")) from None
                time.sleep(0.2)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    someone = Reader(tmp_path, port)
    yield someone
    for process in someone.running:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def steps(page: str) -> Iterator[tuple[str, str, str]]:
    """What the page has the reader do, in order: (`write`, path, text) and (`type`, command, what is expected)."""
    for match in BLOCK.finditer(page):
        kind, path, body = match[1], match[2], match[3]
        if kind == "console":
            for part in re.split(r"^\$ ", body, flags=re.M)[1:]:
                command, _, expected = part.partition("\n")
                yield "type", command, expected
        else:
            assert path, f"a block of {kind} without a path"
            yield "write", path, body


def expected(text: str) -> re.Pattern[str]:
    """The expected output as a pattern: … is anything within a line, a line of … alone any lines."""
    lines = [
        ".*(?:\n.*)*" if line == "…" else re.escape(line).replace("…", ".*") for line in text.rstrip("\n").split("\n")
    ]
    return re.compile("\n".join(lines))


@pytest.mark.parametrize(("page", "least"), [(PAGE, 10), (PLAN, 3)], ids=["tutorial", "plan"])
def test_a_page_that_teaches_does_what_it_says(reader: Reader, page: Path, least: int) -> None:
    done = list(steps(page.read_text("utf-8")))
    assert sum(kind == "write" for kind, _, _ in done) >= least
    for kind, what, text in done:
        if kind == "write":
            reader.write(what, text)
            continue
        given = reader.type(what).rstrip("\n")
        assert expected(text).fullmatch(given), f"$ {what}\n--- expected\n{text}\n--- given\n{given}"


def test_the_tutorials_own_test_passes(tmp_path: Path) -> None:
    someone = Reader(tmp_path, 0)
    for kind, what, text in steps(PAGE.read_text("utf-8")):
        if kind == "write":
            someone.write(what, text)
    code = (
        "import sys; from pathlib import Path; from citytwin.engine import load; load.pack_folders([Path('packs').resolve()]); "
        "import pytest; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', '--rootdir', '.', '--import-mode=importlib', 'packs']))"
    )
    environment = {**os.environ, "PYTHONPATH": str(PAGE.parent.parent)}
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stdout.decode() + ran.stderr.decode()
    assert "1 passed" in ran.stdout.decode()


def test_the_pack_of_the_tutorial_is_not_one_that_is_shipped() -> None:
    assert "packs/bikes/pack.yaml" in PAGE.read_text("utf-8")
    assert not (Path(citytwin.__file__).parent / "packs" / "bikes").exists()


@pytest.mark.parametrize(
    ("text", "given", "fits"),
    [("a…b", "a1b", True), ("a…b", "a\nb", False), ("…\nx\n…", "1\n2\nx\n3", True), ("clean", "clean!", False)],
)
def test_what_an_expectation_takes(text: str, given: str, fits: bool) -> None:
    assert bool(expected(text).fullmatch(given)) is fits
