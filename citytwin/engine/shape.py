"""What may the file say? JSON Schemas of the YAML files, made from the kernel's own classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import jsonschema
import msgspec

from citytwin.engine.strict import Document
from citytwin.kernel.asset import AssetType
from citytwin.kernel.case import CaseType
from citytwin.kernel.city import CityFile
from citytwin.kernel.dmn import DecisionTable
from citytwin.kernel.edit import Script
from citytwin.kernel.errors import Fault
from citytwin.kernel.feed import FeedsFile
from citytwin.kernel.message import NotifyFile
from citytwin.kernel.pack import Manifest
from citytwin.kernel.panel import Panel
from citytwin.kernel.plan import Plan
from citytwin.kernel.relation import RelationType
from citytwin.kernel.rule import Rule
from citytwin.kernel.scorecard import Scorecard
from citytwin.kernel.signin import SigninFile
from citytwin.kernel.stream import StreamType
from citytwin.kernel.topic import Topic

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TypesFile:
    """`types.yaml`: what exists."""

    types: tuple[AssetType, ...]
    relations: tuple[RelationType, ...] = ()


@dataclass(frozen=True, slots=True)
class StreamsFile:
    """`streams.yaml`: what is measured, and on which topics of MQTT it comes."""

    streams: tuple[StreamType, ...]
    topics: tuple[Topic, ...] = ()


@dataclass(frozen=True, slots=True)
class RulesFile:
    """`rules.yaml`: what is wrong."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class CasesFile:
    """`cases.yaml`: who does what by when, and the tables and scorecards that decide."""

    cases: tuple[CaseType, ...]
    decision_tables: tuple[DecisionTable, ...] = ()
    scorecards: tuple[Scorecard, ...] = ()


@dataclass(frozen=True, slots=True)
class PanelsFile:
    """`panels.yaml`: what is shown."""

    panels: tuple[Panel, ...]


FILES: dict[str, type] = {
    "pack": Manifest,
    "types": TypesFile,
    "streams": StreamsFile,
    "rules": RulesFile,
    "cases": CasesFile,
    "panels": PanelsFile,
    "city": CityFile,
    "plan": Plan,
    "feeds": FeedsFile,
    "notify": NotifyFile,
    "edits": Script,
    "signin": SigninFile,
}
"""Every kind of YAML file, and the class it is read into."""


@cache
def schema(kind: str) -> dict[str, Any]:
    """JSON Schema (2020-12) of the files of one kind."""
    made = msgspec.json.schema(FILES[kind])
    _close(made)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"{kind}.yaml", **made}


def _close(node: Any) -> None:
    """A key that no class knows is a mistake, so every object is closed."""
    if isinstance(node, dict):
        if node.get("type") == "object" and "properties" in node:
            node["additionalProperties"] = False
        for child in node.values():
            _close(child)
    elif isinstance(node, list):
        for child in node:
            _close(child)


@cache
def _validator(kind: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema(kind), format_checker=jsonschema.FormatChecker())


def faults(document: Document, kind: str) -> list[Fault]:
    """Everything in which the document is not a file of this kind."""
    found = []
    every = (e for top in _validator(kind).iter_errors(document.data) for e in _inner(top))
    for error in sorted(every, key=lambda e: [str(p) for p in e.absolute_path]):
        path = tuple(error.absolute_path)
        message, hint = _say(error)
        if error.validator == "additionalProperties":
            schema_here: Any = error.schema
            instance: Any = error.instance
            unknown = [k for k in instance if k not in schema_here.get("properties", {})]
            found += [Fault(document.where((*path, k)), "SCHEMA", f"'{k}' is not a key here", hint) for k in unknown]
        else:
            found.append(Fault(document.where(path), "SCHEMA", message, hint))
    return found


def _inner(error: jsonschema.ValidationError) -> Iterator[jsonschema.ValidationError]:
    """What is wrong within an object that might have been left out; anything else is told as it is."""
    context: Any = error.context or ()
    within = [e for e in context if e.validator_value != "null"]
    if error.validator == "anyOf" and isinstance(error.instance, dict) and within:
        for e in within:
            yield from _inner(e)
    else:
        yield error


def _say(error: jsonschema.ValidationError) -> tuple[str, str]:
    name = error.json_path.removeprefix("$.").removeprefix("$") or "the file"
    schema: Any = error.schema
    wanted: Any = error.validator_value
    instance: Any = error.instance
    match error.validator:
        case "required":
            missing = [k for k in wanted if k not in instance]
            return f"{name} lacks {', '.join(missing)}", ""
        case "additionalProperties":
            return "", f"known keys: {', '.join(sorted(schema.get('properties', {})))}"
        case "enum":
            return f"{name} is {error.instance!r}", f"one of: {', '.join(map(str, wanted))}"
        case "type":
            return f"{name} is {_short(error.instance)}, not {wanted}", ""
        case "anyOf":
            return f"{name} is {_short(error.instance)}, which is none of the accepted kinds", ""
    return f"{name}: {error.message[:160]}", ""


def _short(value: Any) -> str:
    text = "empty" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def read(document: Document, kind: str, into: type[T]) -> T | None:
    """The document as an object of the kernel, or None (with the faults added to it)."""
    if document.faults:
        return None
    document.faults += faults(document, kind)
    if document.faults:
        return None
    try:
        return msgspec.convert(document.data, into)
    except msgspec.ValidationError as e:
        document.faults.append(Fault(document.where(), "SCHEMA", str(e)))
        return None
