"""Does Lingang say what its sources say? Systems against their list, plans against the annotated bulletin."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from citytwin.kernel.plan import Binding, Comparator, Kind, Measure, Place, Plan, Target
from citytwin.kernel.units import known_unit, unit

ROOT = Path(__file__).resolve().parents[2]
CITY = ROOT / "citytwin" / "cities" / "lingang"
SHARED = ROOT.parent / "shared"
ID = re.compile(r"[a-z][a-z0-9_]{1,39}")
PLANS = {
    "marine_2025": 14,
    "reuse_2025": 5,
    "institution_2023": 37,
    "digital_2022": 21,
    "ship_2022": 1,
    "project_2022": 5,
}


def _systems() -> list[dict[str, str]]:
    text = (CITY / "systems.csv").read_text("utf-8")
    return list(csv.DictReader(text.splitlines(), strict=True))


def _plan(name: str) -> dict[str, Any]:
    return yaml.safe_load((CITY / "plans" / f"{name}.yaml").read_text("utf-8"))


def _targets() -> list[tuple[int, dict[str, Any]]]:
    plans = [_plan(name) for name in PLANS]
    return [(plan["document"], target) for plan in plans for target in plan["targets"]]


def _source(*parts: str) -> Path:
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"the source {'/'.join(parts)} is not beside this checkout")
    return path


def _is_title(value: Any) -> bool:
    return set(value) == {"zh", "en"} and all(isinstance(text, str) and text.strip() for text in value.values())


def _names(cls: type) -> set[str]:
    return {field.name for field in fields(cls)}


# --- systems ---------------------------------------------------------------------------------------------------------


def test_systems_are_159_with_unique_ids() -> None:
    ids = [row["id"] for row in _systems()]
    assert len(ids) == 159
    assert len(set(ids)) == 159


def test_systems_file_is_utf8_with_line_feeds_and_nothing_empty() -> None:
    raw = (CITY / "systems.csv").read_bytes()
    assert raw.startswith(b"id,zh,en,place,duty,concepts,pack,kind\n")
    assert b"\r" not in raw
    assert [row["id"] for row in _systems() if None in row or not all(row.values())] == []


def test_systems_are_those_of_the_source() -> None:
    lines = _source("systems.tsv").read_text("utf-8").splitlines()
    head, *rows = [line.split("\t") for line in lines]
    assert head == ["id", "zh_name", "en_name", "where", "must_do", "kernel_concepts", "pack", "kind"]
    expected = [[*row[:5], " ".join(row[5].split(",")), *row[6:]] for row in rows]
    assert [list(row.values()) for row in _systems()] == expected


# --- plans -----------------------------------------------------------------------------------------------------------


def test_every_plan_file_is_expected() -> None:
    assert {path.name for path in (CITY / "plans").iterdir()} == {f"{name}.yaml" for name in PLANS}


@pytest.mark.parametrize("name", PLANS)
def test_plan_is_well_formed(name: str) -> None:
    plan = _plan(name)
    assert set(plan) <= _names(Plan)
    assert plan["id"] == name
    assert ID.fullmatch(name)
    assert _is_title(plan["title"])
    assert plan["issuer"]
    assert all(isinstance(body, str) for body in plan["issuer"])
    assert isinstance(plan["document"], int)
    assert type(plan.get("issued", date.min)) is date
    assert len(plan["targets"]) == PLANS[name]
    ids = [target["id"] for target in plan["targets"]]
    assert len(set(ids)) == len(ids)
    starts = [target["place"]["start"] for target in plan["targets"]]
    assert starts == sorted(starts)


@pytest.mark.parametrize("name", PLANS)
def test_targets_are_well_formed(name: str) -> None:
    systems = {row["id"] for row in _systems()}
    for target in _plan(name)["targets"]:
        id = target["id"]
        assert set(target) <= _names(Target), id
        assert ID.fullmatch(id), id
        assert _is_title(target["subject"]), id
        assert target["kind"] in get_args(Kind), id
        assert target["comparator"] in get_args(Comparator), id
        assert set(target["place"]) == _names(Place), id
        assert isinstance(target["place"]["section"], str), id
        assert target["place"]["start"] < target["place"]["end"], id
        if target["kind"] == "milestone":
            assert target["comparator"] == "done_by", id
            assert not {"value", "value_max", "unit"} & set(target), id
        else:
            assert type(target["value"]) in (int, float), id
            assert known_unit(target["unit"]), id
        assert type(target.get("deadline", date.min)) is date, id
        assert isinstance(target.get("baseline", 0), int), id
        assert isinstance(target.get("qualifier", ""), str), id
        assert isinstance(target.get("scope", ""), str), id
        for body in (*target.get("lead", ()), *target.get("participants", ())):
            assert isinstance(body, str), id
        assert target["systems"], id
        assert set(target["systems"]) <= systems, id


@pytest.mark.parametrize("name", PLANS)
def test_targets_are_measured_or_say_why_not(name: str) -> None:
    for target in _plan(name)["targets"]:
        measured, unmeasured = target.get("measured_by"), target.get("not_measured")
        assert (measured is None) != (unmeasured is None), target["id"]
        if measured is None:
            assert _is_title(unmeasured), target["id"]
        else:
            assert set(measured) == _names(Binding), target["id"]
            assert re.fullmatch(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*", measured["indicator"]), target["id"]
            assert ID.fullmatch(measured["asset"]), target["id"]


@pytest.mark.parametrize("name", PLANS)
def test_measures_are_well_formed(name: str) -> None:
    measures = _plan(name).get("measures", [])
    assert [measure["id"] for measure in measures] == [f"m{n:03d}" for n in range(1, len(measures) + 1)]
    for measure in measures:
        id = measure["id"]
        assert set(measure) <= _names(Measure), id
        assert _is_title(measure["title"]), id
        assert _is_title(measure["evidence"]), id
        assert set(measure["place"]) == _names(Place), id
        assert isinstance(measure["place"]["section"], str), id
        assert measure["place"]["start"] < measure["place"]["end"], id
        assert type(measure.get("deadline", date.min)) is date, id
        for body in (*measure.get("lead", ()), *measure.get("participants", ())):
            assert isinstance(body, str), id


def test_fifteen_targets_are_measured() -> None:
    measured = [target["measured_by"] for _, target in _targets() if "measured_by" in target]
    assert len({binding["indicator"] for binding in measured}) == 15
    assert {binding["asset"] for binding in measured} == {"lingang", "shanghai"}


# --- plans against the annotated bulletin ----------------------------------------------------------------------------


def _facts(document: int, section: str, start: int, end: int, row: dict[str, Any], deadline: str | None) -> tuple:
    name = row.get("unit")
    measure = (unit(name).dimension, row["value"] * unit(name).factor) if name else None
    return (
        document,
        section,
        start,
        end,
        row["kind"],
        row["comparator"],
        row.get("value"),
        row.get("value_max"),
        measure,
        row.get("baseline"),
        deadline,
        tuple(row.get("lead") or ()),
        tuple(row.get("participants") or ()),
    )


def test_targets_are_the_required_ones_of_the_bulletin() -> None:
    lines = _source("plans", "bulletin_targets.jsonl").read_text("utf-8").splitlines()
    gold = [row for row in map(json.loads, lines) if not row["optional"]]
    expected = {
        (row["doc"], row["start"], row["end"], row["value"]): _facts(
            row["doc"], row["section"], row["start"], row["end"], row, row["deadline"]
        )
        for row in gold
    }
    assert len(expected) == len(gold) == 83
    found = {}
    for document, target in _targets():
        place, deadline = target["place"], target.get("deadline")
        key = (document, place["start"], place["end"], target.get("value"))
        assert key not in found, target["id"]
        found[key] = _facts(
            document, place["section"], place["start"], place["end"], target, deadline and deadline.isoformat()
        )
    assert sorted(map(str, expected.keys() - found.keys())) == []
    assert sorted(map(str, found.keys() - expected.keys())) == []
    assert {key: found[key] for key in expected if found[key] != expected[key]} == {}


def test_targets_copy_no_sentence_of_the_bulletin() -> None:
    text = "".join(_source("bulletin", "bulletin.txt").read_text("utf-8").split())
    for _, target in _targets():
        place = target["place"]
        assert 0 <= place["start"] < place["end"] <= len(text), target["id"]
        assert target["subject"]["zh"] != text[place["start"] : place["end"]], target["id"]
        assert "。" not in target["subject"]["zh"], target["id"]


@pytest.mark.parametrize("name", ["marine_2025", "reuse_2025", "institution_2023", "digital_2022"])
def test_measures_are_the_tasks_of_the_bulletin_and_then_its_milestones(name: str) -> None:
    lines = _source("plans", "bulletin_tasks.jsonl").read_text("utf-8").splitlines()
    plan = _plan(name)
    tasks = [row for row in map(json.loads, lines) if row["doc"] == plan["document"] and row["kind"] == "measure"]
    measures = plan.get("measures", [])
    assert [
        (m["place"], m["title"]["zh"], m.get("lead", []), m.get("participants", []))
        for m in measures
        if "target" not in m
    ] == [
        ({key: row[key] for key in ("section", "start", "end")}, row["title"], row["lead"], row["participants"])
        for row in tasks
    ]
    same = ("place", "lead", "participants", "deadline")
    assert [(m["target"], m["title"], *(m.get(key) for key in same)) for m in measures[len(tasks) :]] == [
        (t["id"], t["subject"], *(t.get(key) for key in same)) for t in plan["targets"] if t["kind"] == "milestone"
    ]


def test_measures_copy_no_sentence_of_the_bulletin() -> None:
    text = "".join(_source("bulletin", "bulletin.txt").read_text("utf-8").split())
    for name in PLANS:
        for measure in _plan(name).get("measures", []):
            assert 0 <= measure["place"]["start"] < measure["place"]["end"] <= len(text), (name, measure["id"])
            assert measure["evidence"]["zh"] not in text, (name, measure["id"])
            assert "。" not in measure["title"]["zh"] + measure["evidence"]["zh"], (name, measure["id"])
