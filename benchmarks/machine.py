"""What machine is this, and what came out? Shared by the benchmarks."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
_LOAD = os.getloadavg()[0]
"""What others did on the machine as we began."""


def machine() -> dict[str, Any]:
    """Processor, cores, memory, system, versions and commit."""
    try:
        model = next(
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        )
    except (OSError, StopIteration):
        model = platform.processor()
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "load_before": round(_LOAD, 2),
        "commit": commit,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }


def spread(values: list[float], digits: int = 4) -> dict[str, float]:
    """Median, minimum and maximum."""
    return {
        "median": round(statistics.median(values), digits),
        "min": round(min(values), digits),
        "max": round(max(values), digits),
        "runs": len(values),
    }


def repeat(action: Callable[[], float], runs: int, warm_up: int = 1) -> list[float]:
    """What `action` returns, run after run, the first ones left out."""
    for _ in range(warm_up):
        action()
    return [action() for _ in range(runs)]


def write(name: str, question: str, method: str, results: dict[str, Any], limits: str = "") -> None:
    """Put a result file beside the others, and print it; `limits` says in sentences what keeps the figures from being better."""
    RESULTS.mkdir(exist_ok=True)
    told = {"question": question, "method": method, "machine": machine(), "results": results}
    if limits:
        told["limits"] = limits
    (RESULTS / f"{name}.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(json.dumps(results, indent=1, ensure_ascii=False))


@contextlib.contextmanager
def served(home: Path, days: int) -> Iterator[tuple[str, Path]]:
    """The reference city with so many days of demo data, served by a process of its own until the end: its address and its log."""
    log = home.with_suffix(".log")
    command = ["serve", "--no-auth", "--home", str(home), "--port", "0", "--demo-days", str(days)]
    with log.open("w") as out:
        process = subprocess.Popen([sys.executable, "-m", "citytwin", *command], stdout=out, stderr=out)
    try:
        while not (home / "serving.json").exists():
            assert process.poll() is None, log.read_text()
            time.sleep(0.02)  # another process gets ready, and tells nobody
        yield json.loads((home / "serving.json").read_text())["url"], log
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
