"""Does the interface keep what it says of itself? Schemathesis reads `/api/openapi.json` and asks whatever it allows, and some of what it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ..served import Served

CHECKS = "not_a_server_error,response_schema_conformance,status_code_conformance,content_type_conformance"


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
