"""Decision tables against the DMN compatibility kit (github.com/dmn-tck/tck, CC BY-SA 4.0, not redistributed): set DMN_TCK to its folder TestCases.

Every decision is asked whose logic is a decision table, or a literal expression of the part of FEEL that tables use, and whose inputs need nothing else;
the others (functions, boxed expressions, imports) are counted as not ours.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from citytwin.kernel import feel
from citytwin.kernel.dmn import DecisionTable, Input, Outcome, Output, Row, Tables
from citytwin.kernel.errors import BadRequest
from citytwin.kernel.title import Title

FOLDER = Path(os.environ.get("DMN_TCK", str(Path(__file__).resolve().parents[3] / "shared" / "dmn-tck" / "TestCases")))
HITS = {
    "UNIQUE": "U",
    "ANY": "A",
    "PRIORITY": "P",
    "FIRST": "F",
    "RULE ORDER": "R",
    "OUTPUT ORDER": "O",
    "COLLECT": "C",
}
SUMS = {"SUM": "C+", "MIN": "C<", "MAX": "C>", "COUNT": "C#"}
TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


def tag(node: ET.Element) -> str:
    return node.tag.partition("}")[2]


def all_of(node: ET.Element, name: str) -> list[ET.Element]:
    return [c for c in node if tag(c) == name]


def one(node: ET.Element, name: str) -> ET.Element | None:
    return next(iter(all_of(node, name)), None)


def text(node: ET.Element | None) -> str:
    held = one(node, "text") if node is not None else None
    return (held.text or "").strip() if held is not None else ""


@dataclass
class Model:
    """The decisions of a DMN file as far as they are ours."""

    tables: dict[str, DecisionTable] = field(default_factory=dict)
    literals: dict[str, str] = field(default_factory=dict)
    facts: set[str] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)
    needs: dict[str, list[str]] = field(default_factory=dict)
    texts: set[str] = field(default_factory=set)

    def decide(self, name: str, given: dict[str, Any], open_: tuple[str, ...] = ()) -> Any:
        facts = dict(given)
        for href in self.needs[name]:
            other = self.names.get(href, "")
            if other in self.needs and other not in facts:
                facts[other] = self.decide(other, given, (*open_, name))
        known = frozenset(self.facts | set(self.needs))
        if name in self.literals:
            return feel.value(feel.compiled(self.literals[name], known), facts)
        if name not in self.tables:
            raise BadRequest("not ours")
        found: Outcome = Tables({name: self.tables[name]}, known).decide(name, facts)
        return found.value


def read(path: Path) -> Model:
    root = ET.parse(path).getroot()
    model = Model()
    if all_of(root, "import") or all_of(root, "decisionService"):
        raise BadRequest("imports")
    for node in all_of(root, "inputData"):
        model.facts.add(node.attrib["name"])
        model.names["#" + node.attrib["id"]] = node.attrib["name"]
    for node in all_of(root, "decision"):
        name = node.attrib["name"]
        model.names["#" + node.attrib.get("id", name)] = name
        model.needs[name] = [r.attrib["href"] for k in all_of(node, "informationRequirement") for r in k]
        if all_of(node, "knowledgeRequirement"):
            continue
        variable = one(node, "variable")
        if variable is not None and variable.attrib.get("typeRef") == "string":
            model.texts.add(name)
        if (held := one(node, "literalExpression")) is not None:
            model.literals[name] = text(held)
        elif (held := one(node, "decisionTable")) is not None:
            model.tables[name] = table(name, held)
    return model


def table(name: str, node: ET.Element) -> DecisionTable:
    hit = HITS[node.attrib.get("hitPolicy", "UNIQUE")]
    hit = SUMS.get(node.attrib.get("aggregation", ""), hit) if hit == "C" else hit
    inputs = tuple(Input(f"input {k}", of=text(one(c, "inputExpression")), values=text(one(c, "inputValues"))) for k, c in enumerate(all_of(node, "input")))  # fmt: skip
    outputs = []
    for k, c in enumerate(all_of(node, "output")):
        values = text(one(c, "outputValues"))
        parts = tuple(p.strip() for p in values.split(",")) if values else ()
        outputs.append(Output(c.attrib.get("name", f"output {k}"), parts, text(one(c, "defaultOutputEntry"))))
    rows = tuple(Row(tuple(text(e) or "-" for e in all_of(r, "inputEntry")), tuple(text(e) for e in all_of(r, "outputEntry"))) for r in all_of(node, "rule"))  # fmt: skip
    return DecisionTable(name, Title(name, name), hit, inputs, tuple(outputs), rows)  # type: ignore[arg-type]


def value(node: ET.Element) -> Any:
    if (held := one(node, "list")) is not None:
        return [value(i) for i in all_of(held, "item")]
    if parts := all_of(node, "component"):
        return {p.attrib["name"]: value(p) for p in parts}
    held = one(node, "value")
    if held is None or held.attrib.get(NIL) == "true":
        return None
    said = held.text or ""
    match held.attrib.get(TYPE, "string").rpartition(":")[2]:
        case "decimal" | "double" | "integer" | "int":
            return feel.number(float(said)) if "e" in said.lower() else feel.NUMBERS.create_decimal(said)
        case "boolean":
            return said == "true"
        case "date":
            return feel.FUNCTIONS["date"](said)
        case "dateTime":
            return feel.FUNCTIONS["date and time"](said)
        case "time":
            return feel.FUNCTIONS["time"](said)
        case "duration":
            return feel.FUNCTIONS["duration"](said)
    return said


def same(a: Any, b: Any) -> bool:
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, feel.Decimal) and isinstance(b, feel.Decimal):
        return abs(a - b) <= abs(b) * feel.Decimal("1e-8")
    return bool(a == b or (isinstance(a, timedelta) and b == a))


@dataclass
class Count:
    passed: int = 0
    failed: list[str] = field(default_factory=list)
    other: int = 0


def cases(folder: Path) -> Iterator[tuple[Model | None, ET.Element, str]]:
    for path in sorted(folder.glob("*.xml")):
        root = ET.parse(path).getroot()
        name = one(root, "modelName")
        try:
            model = read(folder / str(name.text)) if name is not None else None
        except (BadRequest, OSError, KeyError):
            model = None
        for case in all_of(root, "testCase"):
            yield model, case, f"{folder.name}/{path.stem}#{case.attrib.get('id')}"


def asked(folder: Path) -> Count:
    count = Count()
    for model, case, where in cases(folder):
        try:
            given = {i.attrib["name"]: value(i) for i in all_of(case, "inputNode")}
        except ValueError:  # a time that Python has not
            continue
        for node in all_of(case, "resultNode"):
            wanted = one(node, "expected")
            name = node.attrib["name"]
            if model is None or wanted is None or name not in model.needs:
                count.other += 1
                continue
            try:
                found = model.decide(name, given)
                value(wanted)
            except (BadRequest, ValueError):
                count.other += 1
                continue
            if found is not None and name in model.texts and not isinstance(found, str):
                found = None  # a result of another type than declared is null
            if same(found, value(wanted)):
                count.passed += 1
            else:
                count.failed.append(f"{where} {name}: {found!r}, not {value(wanted)!r}")
    return count


def has_table(folder: Path) -> bool:
    return any("<decisionTable" in p.read_text("utf-8") or ":decisionTable" in p.read_text("utf-8") for p in folder.glob("*.dmn"))  # fmt: skip


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the DMN compatibility kit is not beside the checkout (set DMN_TCK)")
@pytest.mark.parametrize(("level", "passed", "other"), [("compliance-level-2", 123, 3), ("compliance-level-3", 43, 40)])
def test_decisions_against_the_compatibility_kit(level: str, passed: int, other: int) -> None:
    """All of level 2, and of level 3 (all of FEEL) the models that have a decision table."""
    total = Count()
    for folder in sorted(f for f in (FOLDER / level).iterdir() if f.is_dir()):
        if level == "compliance-level-2" or has_table(folder):
            found = asked(folder)
            total.passed += found.passed
            total.failed += found.failed
            total.other += found.other
    assert not total.failed
    assert (total.passed, total.other) == (passed, other)
