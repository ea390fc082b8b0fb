"""A client of SensorThings 2.0, of the service in this process or of any server whose address is in `STA2_URL`, and what tests make."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

SPEC = "http://www.opengis.net/spec/sensorthings/2.0/"
URL = os.environ.get("STA2_URL", "").rstrip("/")


@dataclass
class Client:
    """Asks the service below `base`. `ask` is how: in this process, or over the network."""

    base: str
    request: Callable[..., httpx.Response]

    def url(self, path: str) -> str:
        return path if path.startswith("http") else f"{self.base}/{path}"

    def ask(self, method: str, path: str, status: int, **given: Any) -> httpx.Response:
        answer = self.request(method, self.url(path), **given)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def get(self, path: str, status: int = 200, **options: Any) -> Any:
        """The JSON at a path, with query options by their names."""
        asked = "&".join(f"${k}={quote(str(v), safe='')}" for k, v in options.items())
        return self.ask("GET", f"{path}?{asked}" if asked else path, status).json()

    def ids(self, path: str, **options: Any) -> list[Any]:
        return [item["id"] for item in self.get(path, **options)["value"]]

    def count(self, path: str) -> int:
        return int(self.ask("GET", f"{path}/$count", 200).text)

    def create(self, path: str, body: Any) -> str:
        """The address of a new entity."""
        where = str(self.ask("POST", path, 201, json=body).headers["location"])
        return self.url(where)

    def entity(self, path: str, body: Any) -> Any:
        """A new entity as it is shown."""
        return self.get(self.create(path, body))

    def link(self, path: str) -> dict[str, str]:
        """A reference to the entity at a path."""
        return {"@id": self.get(path)["@id"]}


# -- what tests make. Definitions of their own keep what several runs make on one server apart

RUN = os.urandom(4).hex() if URL else "run"
GEOJSON = "application/geo+json"


def point(x: float, y: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [x, y]}


def place(name: str = "Jetty", x: float = 121.95, y: float = 30.88) -> dict[str, Any]:
    return {"name": name, "encodingType": GEOJSON, "location": point(x, y)}


def sensor(name: str = "Gauge") -> dict[str, Any]:
    return {"name": name, "encodingType": "application/pdf", "metadata": "gauge.pdf", "definition": f"urn:{RUN}:gauge"}


def observed(name: str) -> dict[str, Any]:
    return {"name": name, "definition": f"urn:{RUN}:{name}"}


def quantity(definition: str, **more: Any) -> dict[str, Any]:
    uom = {"code": "m", "label": "metre", "symbol": "m"}
    return {"type": "Quantity", "label": "Level", "definition": definition, "uom": uom, **more}


def feature(name: str = "Harbour", x: float = 121.9, y: float = 30.9) -> dict[str, Any]:
    return {"name": name, "encodingType": GEOJSON, "feature": point(x, y)}


def stream(name: str = "level", **more: Any) -> dict[str, Any]:
    """A datastream that brings its sensor and its property along."""
    said = {"resultType": quantity(f"urn:{RUN}:{name}"), "ObservedProperties": [observed(name)], "Sensor": sensor()}
    return {"name": name, **said, **more}


def at(hour: int, minute: int = 0) -> dict[str, str]:
    return {"start": f"2026-03-01T{hour:02}:{minute:02}:00Z"}


def populate(sta: Client) -> None:
    """Three things with their places, streams and results, and features with their types."""
    kinds = [
        sta.link(sta.create("FeatureTypes", {"name": n, "definition": f"urn:{RUN}:{n}"})) for n in ("river", "lake")
    ]
    for n in range(3):
        results = [
            {"phenomenonTime": at(h), "result": float(10 * n + h), "properties": {"n": h}}
            for h in range(4)
        ]  # fmt: skip
        results[0]["phenomenonTime"] = {"start": "2026-03-01T00:00:00Z", "end": "2026-03-01T00:30:00Z"}
        results[1] |= {"resultTime": "2026-03-01T01:05:00Z", "validTime": {"start": "2026-03-01T01:00:00Z", "end": "2026-03-02T01:00:00Z"}}  # fmt: skip
        results[2]["ProximateFeatureOfInterest"] = feature(f"sample {n}")
        sta.create(
            "Things",
            {
                "name": f"Buoy {n}",
                "description": f"buoy number {n}",
                "definition": f"urn:{RUN}:buoy:{n}",
                "properties": {"type": "buoy" if n else "gauge", "depth": n + 0.5, "tags": ["a", f"t{n}"]},
                "Locations": [{**place(f"place {n}", 121.9 + n / 100, 30.9), "definition": f"urn:{RUN}:place:{n}"}],
                "Datastreams": [
                    stream(
                        f"level{n}",
                        definition=f"urn:{RUN}:stream:{n}",
                        properties={"threshold": 11},
                        Observations=results,
                        ProximateFeatureOfInterest={**feature(f"station {n}"), "definition": f"urn:{RUN}:station:{n}"},
                        UltimateFeaturesOfInterest=[{**feature(f"river {n}"), "FeatureTypes": [kinds[n % 2]]}],
                    )
                ],
            },
        )
