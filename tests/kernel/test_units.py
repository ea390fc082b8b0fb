"""The vocabulary: every unit and quantity, and conversions against their definitions."""

from __future__ import annotations

import pytest

from citytwin.kernel.errors import NotFound, UnitMismatch
from citytwin.kernel.units import conversion, known_unit, quantities, quantity, unit, units


def to(value: float, source: str, target: str) -> float:
    factor, offset = conversion(source, target)
    return factor * value + offset


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (5, "万千瓦", "kW", 50_000),
        (171, "1e4tce", "tce", 1_710_000),
        (1, "tce", "kgce", 1000),
        (1, "m3/s", "m3/d", 86_400),
        (1, "mu", "m2", 666.666666666667),  # one mu is 1/15 hectare
        (3.6, "MJ", "kWh", 1),
        (212, "degF", "degC", 100),
        (0, "K", "degC", -273.15),
        (36, "km/h", "m/s", 10),
        (95, "%", "1", 0.95),
        (1, "cfs", "L/s", 28.316846592),
    ],
)
def test_conversion_against_definitions(value: float, source: str, target: str, expected: float) -> None:
    assert to(value, source, target) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", [u.id for u in units()])
def test_there_and_back_is_the_same(name: str) -> None:
    for other in units():
        if other.dimension == unit(name).dimension:
            assert to(to(12.5, name, other.id), other.id, name) == pytest.approx(12.5, rel=1e-9)


def test_dimensions_do_not_mix() -> None:
    with pytest.raises(UnitMismatch, match="mass"):
        conversion("kg", "m")
    with pytest.raises(UnitMismatch):
        conversion("pp", "%")  # a percentage point is not a percent


def test_unknown_names_are_named() -> None:
    with pytest.raises(NotFound, match="furlong"):
        unit("furlong")
    with pytest.raises(NotFound, match="happiness"):
        quantity("happiness")


def test_every_quantity_has_a_known_unit_bounds_and_both_titles() -> None:
    for q in quantities().values():
        assert known_unit(q.unit), q
        assert q.low < q.high, q
        assert q.title.zh, q
        assert q.title.en, q
