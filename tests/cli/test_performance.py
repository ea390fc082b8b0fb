"""Does the page of performance say what the benchmarks left?"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from citytwin.cli import generate
from citytwin.engine.check import generated, speed

BENCHMARKS = generated.ROOT / "benchmarks"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """What the benchmarks write their results with, writing to a folder of this test."""
    spec = importlib.util.spec_from_file_location("machine", BENCHMARKS / "machine.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "RESULTS", tmp_path / "results")
    return module


def section(page: str, question: str) -> str:
    return page.partition(f"## {question}\n")[2].partition("\n## ")[0]


def test_the_page_against_what_a_benchmark_wrote(machine: ModuleType, tmp_path: Path) -> None:
    rates = machine.spread([1_234_567.0, 900_000.0, 2_000_000.0], 0)
    results = {"a_per_s": rates, "b_ms": {"median": 0.5, "p95": 0.75}, "ratio_a_to_b": 3.25, "rows": 42, "fine": True}
    machine.write("zoo", "How many?", "by counting", {**results, "absent": {"influxdb": "influxd"}}, "The disk.")
    machine.write("ants", "How small?", "by looking", {"c_s": machine.spread([1.5])})
    machine.write("observations", "How fast?", "by clock", {"d_s": machine.spread([2.5])})
    page = speed.page(tmp_path / "results", "note")
    zoo = section(page, "How many?")
    assert "| `a_per_s` | 1,234,567 | 900,000 |  | 2,000,000 | 3 |" in zoo
    assert "| `b_ms` | 0.5 |  | 0.75 |  |  |" in zoo
    assert "| `ratio_a_to_b` | 3.25 |" in zoo.partition("| Ratio")[2].partition("| Once")[0]
    assert "| `rows` | 42 |" in zoo.partition("| Once")[2]
    assert "`fine`" not in zoo
    assert "influxdb (influxd)" in zoo
    assert zoo.partition("### What limits it 瓶颈\n")[2].strip() == "The disk."
    told = machine.machine()
    assert f"commit `{told['commit']}`; {told['date']}." in zoo
    assert f"load before {told['load_before']:.2f};" in zoo
    ants = section(page, "How small?")
    assert "| `c_s` | 1.5 | 1.5 | 1.5 | 1 |" in ants
    assert "What limits it" not in ants
    assert page.index("How fast?") < page.index("How small?") < page.index("How many?")


def test_the_page_of_this_checkout_against_its_results() -> None:
    page = (generated.ROOT / "docs" / "reference" / "performance.md").read_text("utf-8")
    files = sorted((BENCHMARKS / "results").glob("*.json"))
    assert page.count("\n## ") == len(files) >= 4
    for path in files:
        told: dict[str, Any] = json.loads(path.read_text("utf-8"))
        part = section(page, told["question"])
        assert told["machine"]["commit"] in part
        assert told["machine"]["date"] in part
        rows = {cells[1].strip(" `"): cells[2:-1] for r in part.splitlines() if (cells := r.split("|"))[1:]}
        groups = {k: v for k, v in told["results"].items() if isinstance(v, dict) and "runs" not in v}
        figures = {k: v for k, v in told["results"].items() if isinstance(v, dict) and "runs" in v}
        figures |= {
            f"{group}: {k}": v
            for group, of in groups.items()
            for k, v in of.items()
            if isinstance(v, dict) and "runs" in v
        }
        assert figures or path.stem in ("pages", "browser")  # those give quantiles of one run
        for name, v in figures.items():
            shown = [float(c.replace(",", "")) for c in rows[name]]
            assert shown == [v["median"], v["min"], v["max"], v["runs"]], name
        for name in (n for n in told["results"] if n.startswith("ratio_")):
            assert float(rows[name][0]) == told["results"][name]


def test_without_results_the_page_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = tmp_path / "docs" / "reference" / "performance.md"
    page.parent.mkdir(parents=True)
    page.write_text("as it was\n", "utf-8")
    monkeypatch.setattr(generated, "ROOT", tmp_path)
    assert page not in generated.files()
    (tmp_path / "benchmarks" / "results").mkdir(parents=True)
    assert page in generated.files()


@pytest.mark.parametrize(
    ("text", "said"), [("{", "no result"), ("[]", "no question"), ('{"question": "?"}', "machine")]
)
def test_a_result_that_is_none_is_named(
    text: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docs").mkdir()
    broken = tmp_path / "benchmarks" / "results" / "broken.json"
    broken.parent.mkdir(parents=True)
    broken.write_text(text, "utf-8")
    monkeypatch.setattr(generated, "ROOT", tmp_path)
    assert generate.main(["--check"]) == 1
    told = capsys.readouterr().out
    assert told.startswith(f"{broken}: ")
    assert said in told
