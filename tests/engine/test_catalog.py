"""Assets and relations are checked against their types, and recorded all or none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citytwin.engine import catalog, measure
from citytwin.engine.twin import Twin
from citytwin.kernel.asset import Asset
from citytwin.kernel.errors import BadDeclaration
from citytwin.kernel.relation import Relation
from citytwin.kernel.title import Title

from ..conftest import NOW

POINT = {"type": "Point", "coordinates": [121.9, 30.9]}


def asset(id: str = "new", type: str = "tank.basin", geometry: Any = POINT, **attributes: Any) -> Asset:
    return Asset(id, type, Title("新", "New"), geometry, attributes)


def test_an_asset_comes_back_as_put(twin: Twin) -> None:
    catalog.add(twin, [asset(brim_m=2.5, material="steel")], [Relation("new", "tank.spills_to", "t1")])
    found = twin.store.fetch("SELECT * FROM tank.basin WHERE asset_id = 'new'").to_pylist()
    assert found == [
        {
            "asset_id": "new",
            "title_zh": "新",
            "title_en": "New",
            "longitude": 121.9,
            "latitude": 30.9,
            "brim_m": 2.5,
            "material": "steel",
        }
    ]
    assert twin.store.fetch("SELECT source, target FROM tank.spills_to").to_pylist() == [
        {"source": "new", "target": "t1"}
    ]


def test_adding_twice_replaces(twin: Twin) -> None:
    for brim in (1.0, 2.0):
        catalog.add(twin, [asset(brim_m=brim)], [Relation("new", "tank.spills_to", "t1")])
    assert twin.store.fetch("SELECT brim_m FROM tank.basin WHERE asset_id = 'new'")["brim_m"].to_pylist() == [2.0]
    assert twin.store.fetch("SELECT count(*) AS n FROM relation")["n"].to_pylist() == [1]


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (asset(id="Not An Id"), "the id is not one"),
        (asset(id="a.b"), "the id is not one"),
        (asset(id=""), "the id is not one"),
        (asset(type="tank.nothing"), "type 'tank.nothing' is not declared"),
        (asset(geometry={"type": "LineString", "coordinates": [[1, 2], [3, 4]]}), "does not fit type"),
        (asset(geometry={"type": "Point", "coordinates": [1921.9, 30.9]}), "not longitudes and latitudes"),
        (asset(geometry={"type": "Point", "coordinates": "here"}), "not longitudes and latitudes"),
        (asset(geometry={"type": "Point"}), "not longitudes and latitudes"),
        (asset(geometry={"type": "Point", "coordinates": [True, 1]}), "not longitudes and latitudes"),
        (asset(colour="red"), "'colour' is not declared"),
        (asset(brim_m=10**400), "not a number"),
        (asset(id="fine"), "the id stands twice"),
        (Asset("new", "tank.basin", Title("", "New")), "the title is empty"),
        (Asset("new", "tank.basin", Title("新\0", "New")), "the title is empty"),
        (asset(brim_m="high"), "not a number"),
        (asset(brim_m=float("nan")), "not a number"),
        (asset(brim_m=-1.0), "below 0"),
        (asset(material="gold"), "none of: steel, concrete"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_recorded(twin: Twin, bad: Asset, says: str) -> None:
    with pytest.raises(BadDeclaration) as caught:
        catalog.add(twin, [asset(id="fine"), bad])
    assert any(says in f.message for f in caught.value.faults), caught.value.faults
    assert "fine" not in twin.asset_types


@pytest.mark.parametrize(
    ("kind", "coordinates", "sound"),
    [
        ("LineString", [[1, 2], [3, 4]], True),
        ("LineString", [[1, 2]], False),
        ("Polygon", [[[0, 0], [1, 0], [1, 1], [0, 0]]], True),
        ("Polygon", [[[0, 0], [1, 0], [1, 1], [0, 1]]], False),  # not closed
        ("Polygon", [[[0, 0], [0, 0]]], False),
        ("Polygon", [], False),
        ("MultiPolygon", [[[[0, 0], [1, 0], [1, 1], [0, 0]]]], True),
        ("MultiLineString", [[[1, 2], [3, 4]]], True),
        ("Point", [1, 91], False),
    ],
)
def test_geometries_against_rfc_7946(kind: str, coordinates: Any, sound: bool) -> None:
    assert catalog.sound(coordinates, kind) is sound


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (Relation("t1", "tank.nothing", "t2"), "relation type 'tank.nothing' is not declared"),
        (Relation("t1", "tank.spills_to", "t9"), "asset 't9' is not on record"),
    ],
)
def test_relations_need_both_ends(twin: Twin, bad: Relation, says: str) -> None:
    with pytest.raises(BadDeclaration) as caught:
        catalog.add(twin, relations=[bad])
    assert any(says in f.message for f in caught.value.faults)


def test_a_changed_attribute_makes_the_figures_that_read_it_stale(twin: Twin) -> None:
    from dataclasses import replace

    share = replace(
        twin.indicators["tank.level_mean"],
        id="tank.share",
        sql="SELECT asset_id, TIMESTAMPTZ '2025-06-01 00:00:00+08' AS period, brim_m AS value FROM tank.basin WHERE $since < $until",
        reads=("tank.basin",),
    )
    twin.indicators = {share.id: share}
    measure.measure(twin, NOW)
    catalog.add(twin, [asset(id="t1", brim_m=7.0)])
    measure.measure(twin, NOW)
    found = twin.store.fetch("SELECT value FROM indicator_value WHERE asset_id = 't1'")["value"].to_pylist()
    assert found == [7.0]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda c: st.lists(c, max_size=3) | st.dictionaries(st.text(max_size=4), c, max_size=3),
        max_leaves=8,
    )
)
def test_no_value_of_an_attribute_or_geometry_breaks_the_check(twin: Twin, value: Any) -> None:
    catalog.check(twin, [asset(brim_m=value), asset(geometry={"type": "Point", "coordinates": value})], [])
