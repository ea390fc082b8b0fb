"""Conformance class binding/http/websub of OGC 23-019: each abstract test by its name. What is delivered is in tests/api/test_websub.py."""

from __future__ import annotations

import re
from typing import Any

from tests.api.sta2.service import SPEC, Client
from tests.api.sta2.test_datamodel import MANDATORY

WEBSUB = f"{SPEC}req/binding/http/websub"


def links(sta: Client, path: str) -> dict[str, str]:
    """The addresses in the header `Link`, by their relations; HEAD and GET tell the same."""
    told = []
    for method in ("HEAD", "GET"):
        answer = sta.ask(method, path, 200)
        told.append({rel: url for url, rel in re.findall(r'<([^>]*)>; rel="(\w+)"', answer.headers.get("link", ""))})
    assert told[0] == told[1]
    return told[0]


def settings(sta: Client) -> Any:
    return sta.get("")["serverSettings"]


def topics(sta: Client) -> list[str]:
    """Addresses of every pattern of the standard that may be subscribed to."""
    thing = sta.get("Things", top=1)["value"][0]
    stream = sta.get("Datastreams", top=1)["value"][0]
    sets = [name for name in MANDATORY if f"v2.0/{name}" not in settings(sta)[WEBSUB]["topics_denied"]]
    return [
        *sets, f"{thing['@id']}/Datastreams", f"{stream['@id']}/Observations", thing["@id"], stream["@id"],
        f"{stream['@id']}/Thing", f"{thing['@id']}/name", f"{stream['@id']}/Thing/name",
    ]  # fmt: skip


def test_conf_binding_http_websub_link_hub(seen: Client) -> None:
    for path in ("", *MANDATORY, "Things?$top=1"):
        assert links(seen, path)["hub"]


def test_conf_binding_http_websub_link_self(seen: Client) -> None:
    for path in topics(seen):
        told = links(seen, path)
        assert told.keys() == {"hub", "self"}, path
        assert told["self"] == seen.url(path)


def test_conf_binding_http_websub_link_help_and_topics_blacklisting(seen: Client) -> None:
    denied = settings(seen)[WEBSUB]["topics_denied"]
    assert denied
    for topic in (*denied, "v2.0/Things/$count", "v2.0/Things/$ref", "v2.0/"):
        told = links(seen, topic.removeprefix("v2.0/"))
        assert told.keys() == {"hub", "help"}, topic
        where, _, word = told["help"].partition("#")
        assert seen.request("GET", where).json()["help"][word]


def test_conf_binding_http_websub_odata_support(seen: Client) -> None:
    stream = seen.get("Datastreams", top=1)["value"][0]["@id"]
    for path in ("Things?$select=name&$expand=Locations($select=name)&$filter=startswith(name,'Buoy')",
                 f"{stream}/Observations?$filter=result gt 1&$select=result&$expand=Datastream", f"{stream}?$select=name&$expand=Thing"):  # fmt: skip
        told = links(seen, path)
        assert told.keys() == {"hub", "self"}
        assert "value" in seen.get(path) or "name" in seen.get(path)
        assert "$select" in told["self"]


def test_conf_binding_http_websub_odata_discovery_and_topics_discovery(seen: Client) -> None:
    root = settings(seen)
    assert {WEBSUB, f"{SPEC}req-class/binding/http/websub"} <= set(root["conformance"])
    assert root[WEBSUB].keys() == {"topics_denied", "odata_denied"}
    assert all(isinstance(item, str) for listed in root[WEBSUB].values() for item in listed)
    assert seen.ask("HEAD", "", 200).content == b""


def test_conf_binding_http_websub_odata_blacklisting(seen: Client) -> None:
    denied = settings(seen)[WEBSUB]["odata_denied"]
    values = {"$count": "true", "$format": "json", "$orderby": "id", "$skip": "0", "$top": "1"}
    assert values.keys() <= set(denied)
    for option, value in values.items():
        told = links(seen, f"Things?{option}={value}")
        assert told.keys() == {"hub", "help"}, option
        assert told["help"].endswith("#odata_option_denied")
