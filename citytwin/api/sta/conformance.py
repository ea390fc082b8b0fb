"""Which requirements of SensorThings 1.1 (18-088) are met here? Only what a test of ours shows is listed."""

from __future__ import annotations

BASE = "http://www.opengis.net/spec/iot_sensing/1.1/req/"
_ENTITIES = (
    "thing",
    "location",
    "historical-location",
    "datastream",
    "sensor",
    "observed-property",
    "observation",
    "feature-of-interest",
)
_MET = (
    *(f"datamodel/{entity}/{part}" for entity in _ENTITIES for part in ("properties", "relations")),
    "datamodel/entity-control-information/common-control-information",
    "resource-path/resource-path-to-entities",
    "request-data/order",
    "request-data/expand",
    "request-data/select",
    "request-data/status-code",
    "request-data/query-status-code",
    "request-data/orderby",
    "request-data/top",
    "request-data/skip",
    "request-data/count",
    "request-data/filter",
    "request-data/built-in-filter-operations",
    "request-data/pagination",
    "create-update-delete/create-entity",
    "create-update-delete/link-to-existing-entities",
    "create-update-delete/deep-insert",
    "create-update-delete/deep-insert-status-code",
    "create-update-delete/update-entity",
    "create-update-delete/update-entity-put",
    "create-update-delete/update-entity-jsonpatch",
    "create-update-delete/delete-entity",
    "create-update-delete/historical-location-auto-creation",
    "batch-request/batch-request",
    "data-array/data-array",
    "multi-datastream/properties",
    "multi-datastream/relations",
    "multi-datastream/constraints",
)


MQTT = [
    BASE + "create-observations-via-mqtt/observations-creation",
    BASE + "receive-updates-via-mqtt/receive-updates",
]
"""What is met while the door of MQTT is open."""


def classes(spatial: bool) -> list[str]:
    """The requirements as their names on the web; functions count as met only where geometries are compared."""
    return [BASE + name for name in (*_MET, *(("request-data/built-in-query-functions",) if spatial else ()))]
