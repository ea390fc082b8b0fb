"""Does the interface keep what it says of itself? Schemathesis reads `/api/openapi.json` and asks whatever it allows, and some of what it does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from citytwin.kernel.right import ROLES

from ..served import Served

CHECKS = "not_a_server_error,response_schema_conformance,status_code_conformance,content_type_conformance"


@pytest.mark.skipif("FUZZ" not in os.environ, reason="as each role where FUZZ says how many questions")
@pytest.mark.parametrize("role", ROLES)
def test_the_interface_as_each_role_never_fails(
    serve: Callable[..., Served], town: str, tmp_path: Path, role: str
) -> None:
    """The same, asked by who may do little: refusals are answers like any other."""
    home = tmp_path / "home"
    served = serve(home, "--city", town, "--demo-days", "0.1", "--rate", "read=0", "--rate", "change=0", auth=True)
    made = [sys.executable, "-m", "citytwin", "token", "create", "--home", str(home), "--role", role]
    token = subprocess.run(made, capture_output=True, text=True, check=True, timeout=120).stdout
    secret = next(w for w in token.split() if w.startswith("ct_"))
    paper = tmp_path / "openapi.json"  # a device may not read it
    paper.write_text(json.dumps(served.get("/api/openapi.json")))
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "run",
        str(paper),
        "--url",
        served.url,
        "--checks",
        CHECKS,
        "--phases",
        "fuzzing",
        "--no-color",
    ]
    command += ["--max-examples", os.environ["FUZZ"], "--header", f"Authorization: Bearer {secret}"]
    command += ["--exclude-path-regex", "^/api/(me|sessions|tokens|people)/"]  # it would sign itself out
    told = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=900)
    assert told.returncode == 0, told.stdout[-5000:]
    assert "Tested:" in told.stdout
    assert "Traceback" not in served.log.read_text()


def test_the_interface_keeps_what_it_says_of_itself(serve: Callable[..., Served], town: str, tmp_path: Path) -> None:
    """The same questions every time; `FUZZ=100` asks a hundred of each operation, and others every time."""
    pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    served = serve(tmp_path / "home", "--city", town, "--demo-days", "0.1")
    many = os.environ.get("FUZZ")
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{served.url}/api/openapi.json", "--checks", CHECKS]
    command += ["--phases", "fuzzing", "--max-examples", many or "5", "--no-color"]
    command += [] if many else ["--generation-deterministic"]
    told = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=600)
    assert told.returncode == 0, told.stdout[-5000:]
    assert "Tested:" in told.stdout
    assert served.process.poll() is None
