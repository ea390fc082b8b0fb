"""Do the types of the web app say what the server answers? Interfaces of web/src/api against the document that the routes make."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from citytwin.api import openapi
from citytwin.api.app import ROUTES

WEB = Path(__file__).resolve().parents[2] / "web" / "src" / "api"
SCHEMAS = openapi.document(ROUTES)["components"]["schemas"]
ALARM = {
    "Rule": "RuleItem",
    "Season": "Season",
    "HoldItem": "HoldItem",
    "Alarm": "AlarmItem",
    "AlarmDetail": "AlarmDetail",
    "Transition": "Transition",
    "Group": "Group",
    "Way": "Way",
    "Answers": "Answers",
    "Frequent": "Frequent",
    "AlarmHealth": "AlarmHealth",
    "AlarmCourse": "AlarmCourse",
}
"""Interfaces of alarm.ts, and what the document calls them."""


def interfaces(file: str) -> dict[str, dict[str, str]]:
    """The fields of every interface of a file, with those of what it extends, and their types as they are written."""
    text = re.sub(r"/\*.*?\*/", "", (WEB / file).read_text("utf-8"), flags=re.DOTALL)
    found: dict[str, dict[str, str]] = {}
    for name, above, body in re.findall(r"^export interface (\w+)(?: extends (\w+))? \{\n(.*?)^\}", text, re.M | re.S):
        fields = dict(re.findall(r"^  (\w+)\??: (.+);$", body, re.M))
        found[name] = found.get(above, {}) | fields
    return found


@pytest.mark.parametrize(("name", "schema"), ALARM.items())
def test_an_interface_against_the_document(name: str, schema: str) -> None:
    said = interfaces("alarm.ts")
    assert set(said) == set(ALARM)
    told = SCHEMAS[schema]["properties"]
    assert set(said[name]) == set(told)
    for field, kind in told.items():
        nullable = any(k.get("type") == "null" for k in kind.get("anyOf", ())) or "null" in str(kind.get("type", ""))
        assert ("null" in said[name][field]) == nullable, (name, field)
