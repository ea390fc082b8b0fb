"""Which classes of SensorThings 2.0 (23-019) are met here? Only what a test of ours shows is listed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from citytwin.api.sta.expression import FUNCTIONS

SPEC = "http://www.opengis.net/spec/sensorthings/2.0/"
CLASSES = ("datamodel/core", "api/read", "api/cud", "binding/http")
OPTIONAL = (
    "api/read/options/select_distinct",
    "api/cud/deep_update",
    "api/cud/filtered_delete",
    "api/cud/json_patch",
    "api/cud/replace",
    "binding/http/request_response",
)
"""Requirements that a service may leave out."""
WEBSUB = f"{SPEC}req/binding/http/websub"
TOPICS_DENIED = ["v2.0/Observations"]
"""What cannot be subscribed to at the hub: all observations of a city are more than a delivery each second can tell."""
ODATA_DENIED = ["$count", "$format", "$orderby", "$resultFormat", "$skip", "$skiptoken", "$top"]
MQTT = ("binding/mqtt/request_response", "binding/mqtt/simple_create")
TOLD = (
    "binding/mqtt/pub_sub",
    "binding/mqtt/pub_sub/select",
    "binding/mqtt/pub_sub/expand",
    "binding/mqtt/pub_sub/filter",
)
"""What is met while the door of MQTT is open; at a broker that is not ours nobody sees who subscribes, so what is told there is declared, not asked for."""
EXTENSIONS = tuple(
    f"urn:citytwin:sensorthings:2.0:extension:{name}" for name in ("batch", "data-array", "csv", "geojson")
)
"""What is no part of 23-019 (which leaves batches and data arrays to a document that is not there yet) and offered here as 1.1 has it, told in the words of 2.0."""
BEYOND = frozenset({"mindatetime", "maxdatetime"})
"""Functions that 1.1 has and 2.0 has not."""


def functions(spatial: bool) -> list[str]:
    """The functions of filters, `any` and all; those on geometries where there are any."""
    known = {n for n in FUNCTIONS if n not in BEYOND and (spatial or not n.startswith(("geo.", "st_")))}
    return sorted(known | {"any"})


def mqtt(endpoints: list[str], told: bool) -> dict[str, Any]:
    """What the door of MQTT adds to the settings; `told` says whether subscribers are told of what they ask for."""
    names = [f"{SPEC}req/{name}" for name in (*MQTT, *(TOLD if told else ()))]
    return {
        "conformance": [f"{SPEC}req-class/binding/mqtt", *names],
        f"{SPEC}req/binding/mqtt": {"endpoints": endpoints},
    }


def settings(base: str, spatial: bool, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The settings of the service. Other bindings add their classes to `conformance` and their endpoints in `more`."""
    more = dict(more or {})
    classes = [f"{SPEC}req-class/{name}" for name in CLASSES] + [f"{SPEC}req/{name}" for name in OPTIONAL]
    classes += [f"{SPEC}req-class/binding/http/websub", WEBSUB]
    return {
        "conformance": [*classes, *more.pop("conformance", ()), *EXTENSIONS],
        "functions": functions(spatial),
        f"{SPEC}req/binding/http": {"endpoints": [base]},
        WEBSUB: {"topics_denied": TOPICS_DENIED, "odata_denied": ODATA_DENIED},
        **more,
    }
