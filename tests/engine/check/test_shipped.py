"""Are the packs that are shipped sound, and what is generated current?"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import citytwin
from citytwin.engine import load
from citytwin.engine.check import CODES, check, generated
from tests.engine.check.conftest import memory

SHIPPED = sorted(p.parent.name for p in load.PACKS.glob("*/pack.yaml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_pack_is_clean(name: str) -> None:
    heard: list[str] = []
    faults = check([name], [], memory, heard.append)
    assert faults == [], "\n".join(map(str, faults))
    print(heard[-1])


def test_schemas_and_pages_are_current() -> None:
    assert list(generated.check()) == []


def test_a_stale_page_is_named_at_its_first_line_that_differs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    monkeypatch.setattr(generated, "files", lambda: {page: "a\nb\nc\n", tmp_path / "none.md": "a\n"})
    page.write_text("a\nB\nc\n", "utf-8")
    assert [(f.code, f.where) for f in generated.check()] == [
        ("STALE", f"{page}:2"),
        ("STALE", f"{tmp_path / 'none.md'}:1"),
    ]
    page.write_text("a\nb\n", "utf-8")
    assert next(generated.check()).where == f"{page}:3"


def test_every_code_that_is_told_is_explained() -> None:
    engine = Path(citytwin.__file__).parent / "engine"
    sources = [*sorted((engine / "check").glob("*.py")), engine / "load.py", engine / "strict.py", engine / "shape.py"]
    told = set()
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "id", "") == "Fault"
                and isinstance(node.args[1], ast.Constant)
            ):
                told.add(node.args[1].value)
    assert told == set(CODES)


def test_coverage_counts_against_systems() -> None:
    city = load.city(load.CITIES / "lingang")
    packs = [load.pack(load.PACKS / name) for name in SHIPPED]
    page = generated.coverage([city], packs)
    served = {s for p in packs for s in p.systems} & {s.id for s in city.systems}
    rows = [line for line in page.splitlines() if re.match(r"\| [A-Z]\d", line)]
    assert len(rows) == len(city.systems) == 159
    assert sum("not yet 尚未" not in row for row in rows) == len(served)
    targets = [t for p in city.plans for t in p.targets]
    measured = sum(t.measured_by is not None for t in targets)
    assert f"| **all** | 合计 | {len(targets)} | {measured} | {len(targets) - measured} |" in page
