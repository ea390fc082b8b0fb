"""`python -m citytwin.cli.audit`: what is known against the packages that we depend on, by pip-audit and npm; what cannot be asked is said, and is no failure."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from citytwin.engine.check import generated

WAIT_S = 120
"""Seconds for a registry to answer."""
FILES = ("requirements.txt", "requirements-dev.txt")


def main() -> int:
    """Ask the registries. Returns 1 where something is known against a package, and 0 otherwise, also where nobody answered."""
    known: list[str] = []
    for file in FILES:
        command = [sys.executable, "-m", "pip_audit", "-r", file, "--no-deps", "--disable-pip", "-f", "json", "--progress-spinner", "off"]  # fmt: skip
        known += _say(file, *python(_ask(command, generated.ROOT)))
    known += _say("web/package-lock.json", *node(_ask(["npm", "audit", "--json"], generated.ROOT / "web")))
    return 1 if known else 0


def python(said: str) -> tuple[list[str], str]:
    """What pip-audit knows, by its JSON, and what it could not find out ("" where it knew all)."""
    try:
        packages = json.loads(said)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return [], f"pip-audit did not answer: {_short(said)}"
    known = [
        f"{p['name']} {p['version']}: {v['id']}, mended in {', '.join(v.get('fix_versions') or ()) or 'no version'}"
        for p in packages
        for v in p.get("vulns") or ()
    ]
    skipped = [p for p in packages if "skip_reason" in p]
    return known, f"{len(skipped)} of {len(packages)} packages could not be asked about" if skipped else ""


def node(said: str) -> tuple[list[str], str]:
    """What npm knows, by its JSON, and what it could not find out ("" where it knew all)."""
    try:
        found = json.loads(said[said.index("{") :])["vulnerabilities"]
    except (ValueError, KeyError, TypeError):
        return [], f"npm did not answer: {_short(said)}"
    return [f"{name}: {v.get('severity', '')}, {v.get('range', '')}" for name, v in found.items()], ""


def _short(said: str) -> str:
    return " ".join(said.split())[:160] or "it is not here, or has no network"


def _ask(command: Sequence[str], where: Path) -> str:
    try:
        told = subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=WAIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.stdout or told.stderr


def _say(of: str, known: list[str], unknown: str) -> list[str]:
    for line in known:
        print(f"{of}: {line}")
    if unknown:
        print(f"{of}: NOT AUDITED: {unknown}")
    elif not known:
        print(f"{of}: nothing is known against it")
    return known


if __name__ == "__main__":
    sys.exit(main())
