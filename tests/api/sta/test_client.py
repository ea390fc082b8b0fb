"""The reference client in Python (`frost_sta_client`, LGPL, so it is nobody's dependency here) creates, asks, changes and deletes every entity.

Skipped where it is not installed: `pip install frost_sta_client`.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.served import Served

fsc = pytest.importorskip("frost_sta_client", reason="frost_sta_client is not installed")
requests = pytest.importorskip("requests")
geojson = pytest.importorskip("geojson")
pytestmark = pytest.mark.filterwarnings("ignore:furl:DeprecationWarning")  # its own
NOON = datetime(2026, 1, 31, 4, tzinfo=UTC)


@pytest.fixture
def service(empty: Served) -> Iterator[Any]:
    yield fsc.SensorThingsService(f"{empty.url}/sta/v1.1")
    gc.collect()  # the client leaves its connections to the collector


KIND = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement"
GEOJSON = "application/geo+json"


def listed(kind: str, *entities: Any) -> Any:
    return fsc.EntityList(fsc.EntityTypes[kind]["class"], list(entities))


def place(name: str, thing: Any) -> Any:
    return fsc.Location(
        name, "a place", GEOJSON, location=geojson.Point((121.95, 30.88)), things=listed("Thing", thing)
    )


def make(service: Any) -> dict[str, Any]:
    """One of each, linked by the client's objects."""
    thing = fsc.Thing("buoy 7", "off the jetty", {"type": "buoy"})
    service.create(thing)
    jetty = place("jetty", thing)
    service.create(jetty)
    sensor = fsc.Sensor("gauge", "radar", "text/plain", metadata="radar gauge")
    service.create(sensor)
    level = fsc.ObservedProperty("level", "urn:level", "of the water")
    service.create(level)
    unit = fsc.UnitOfMeasurement("metre", "m", "ucum:m")
    stream = fsc.Datastream("level", "of the water", KIND, unit, thing=thing, sensor=sensor, observed_property=level)
    service.create(stream)
    feature = fsc.FeatureOfInterest("basin", "a basin", GEOJSON, geojson.Point((121.9, 30.8)))
    service.create(feature)
    seen = fsc.Observation(NOON.isoformat(), 1.25, datastream=stream)
    service.create(seen)
    return {
        "things": thing,
        "locations": jetty,
        "sensors": sensor,
        "observed_properties": level,
        "datastreams": stream,
        "features_of_interest": feature,
        "observations": seen,
    }


def test_every_entity_is_created_found_changed_and_deleted(service: Any) -> None:
    made = make(service)
    for doors, entity in made.items():
        assert getattr(service, doors)().find(entity.id).id == entity.id
    assert service.observations().find(made["observations"].id).result == 1.25
    for doors, entity in made.items():
        if doors == "observations":
            continue
        again = getattr(service, doors)().find(entity.id)
        again.name = f"{again.name} anew"
        service.update(again)
        assert getattr(service, doors)().find(entity.id).name.endswith(" anew")
        service.patch(again, [{"op": "replace", "path": "/description", "value": "patched"}])
        assert getattr(service, doors)().find(entity.id).description == "patched"
    seen = service.observations().find(made["observations"].id)
    seen.result = 2.5
    service.update(seen)
    assert service.observations().find(seen.id).result == 2.5
    assert service.datastreams().find(made["datastreams"].id).unit_of_measurement.symbol == "m"
    past = service.historical_locations().query().expand("Thing,Locations").list().entities
    mine = [h for h in past if h.thing.id == made["things"].id]
    assert [p.id for h in mine for p in h.locations] == [made["locations"].id]
    service.delete(mine[0])
    for doors in ("observations", "datastreams", "things", "locations", "sensors", "observed_properties"):
        service.delete(made[doors])
        with pytest.raises(requests.exceptions.HTTPError) as e:
            getattr(service, doors)().find(made[doors].id)
        assert e.value.response.status_code == 404
    service.delete(made["features_of_interest"])


def test_queries_pages_and_data_arrays(service: Any) -> None:
    made = make(service)
    stream = made["datastreams"]
    values = fsc.DataArrayValue()
    values.datastream = stream
    values.components = {values.Property.PHENOMENON_TIME, values.Property.RESULT}
    for n in range(250):
        at = NOON + timedelta(minutes=n + 1)
        values.add_observation(fsc.Observation(phenomenon_time=at.isoformat(), result=float(n), datastream=stream))
    document = fsc.DataArrayDocument()
    document.add_data_array_value(values)
    links = service.observations().create(document)
    assert len(links) == 250
    of = stream.get_observations()
    listed = of.query().filter("result lt 200").orderby("phenomenonTime", "asc").count().top(30).list()
    assert listed.count == 201
    found = list(listed)  # the client follows the links of the pages
    assert [o.result for o in found] == [1.25, *map(float, range(200))]
    near = service.things().query().filter("Datastreams/Observations/result gt 248").expand("Locations").list().entities
    assert made["things"].id in [t.id for t in near]
    service.delete(made["things"])


def test_a_multi_datastream(service: Any, empty: Served) -> None:
    """The client cannot create one since Python 3.11 (it asks a plain list for its state, and sends null): it reads and deletes."""
    thing = fsc.Thing("mast", "on the dike", {})
    service.create(thing)
    service.create(place("dike", thing))
    wind = {
        "name": "wind",
        "description": "speed and direction",
        "observationType": KIND.replace("OM_Measurement", "OM_ComplexObservation"),
        "multiObservationDataTypes": [KIND, KIND],
        "unitOfMeasurements": [{"name": n, "symbol": n, "definition": ""} for n in ("m/s", "deg")],
        "Thing": {"@iot.id": thing.id},
        "Sensor": {"name": "vane", "description": "", "encodingType": "text/plain", "metadata": "vane"},
        "ObservedProperties": [{"name": n, "definition": f"urn:{n}", "description": ""} for n in ("speed", "turn")],
    }
    status, told = empty.post("/sta/v1.1/MultiDatastreams", json.dumps(wind).encode())
    assert status == 201, told
    found = service.multi_datastreams().find(told["@iot.id"])
    service.create(fsc.Observation(NOON.isoformat(), [3.5, 270], multi_datastream=found))
    assert [o.result for o in found.get_observations().query().list().entities] == [[3.5, 270]]
    service.delete(found)
    service.delete(thing)
