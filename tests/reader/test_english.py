"""Sentences written for these tests in the manner of English city plans; the answers were worked out by hand."""

from __future__ import annotations

import pytest

from citytwin.reader import read, rows

HEAD = "Northport Climate and Water Plan 2023-2030\nAdopted on 5 March 2023\n1. Measures\n"
END = "2030-12-31"
SENTENCES = [
    ("By 2025, the city will install at least 350 MW of rooftop solar capacity.", ("numeric", ">=", 350000, "kW", "rooftop solar capacity", "2025-12-31", None)),
    ("The share of renewable electricity shall reach 45 per cent by the end of 2028.", ("numeric", ">=", 45, "%", "share of renewable electricity", "2028-12-31", None)),
    ("Reduce building energy use by 20% from 2020 levels by June 2027.", ("numeric", "reduce_by", 20, "%", "building energy use", "2027-06-30", 2020)),
    ("Peak demand will be kept below 2,400 MW.", ("numeric", "<=", 2400000, "kW", "Peak demand", END, None)),
    ("Water losses will fall to no more than 10% by 2026.", ("numeric", "<=", 10, "%", "Water losses", "2026-12-31", None)),
    ("Build 120 km of new mains before the end of 2028.", ("numeric", "=", 120, "km", "new mains", "2028-12-31", None)),
    ("Open 14 neighbourhood libraries by 30 September 2026.", ("numeric", "=", 14, "libraries", "neighbourhood libraries", "2026-09-30", None)),
    ("Halve traffic deaths by 2030 compared with 2019.", ("numeric", "reduce_by", 50, "%", "traffic deaths", END, 2019)),
    ("The new tram depot will be completed by September 2026.", ("milestone", "done_by", None, None, "new tram depot", "2026-09-30", None)),
    ("The city aims to increase cycling by about 15 percentage points.", ("numeric", "increase_by", 15, "pp", "cycling", END, None)),
    ("At least 1.2 million trees will be planted by mid-2029.", ("numeric", ">=", 1200000, "trees", "trees", "2029-06-30", None)),
    ("Bus emissions will be cut by 60% relative to 2018 before 2030.", ("numeric", "reduce_by", 60, "%", "Bus emissions", "2029-12-31", 2018)),
    ("In 2021, the grid supplied 9.5 TWh.", ("fact", "=", 9.5e9, "kWh", "grid supplied", None, None)),
    ("Buildings larger than 20,000 m2 shall meter their water use.", ("rule", "=", 20000, "m2", "Buildings", None, None)),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "answer"), SENTENCES)
def test_sentence(sentence: str, answer: tuple[object, ...]) -> None:
    found = rows(read((HEAD + sentence + "\n").encode()))
    keys = ("kind", "comparator", "value", "unit", "subject", "deadline", "baseline")
    assert [tuple(row[k] for k in keys) for row in found] == [answer]


def test_where_things_stood_before() -> None:
    (row,) = rows(read((HEAD + "Recycling will rise from 30% in 2020 to 55% by 2027.\n").encode()))
    assert (row["comparator"], row["value"], row["baseline_value"], row["deadline"]) == (">=", 55, 30, "2027-12-31")


def test_sections_bodies_and_quotes() -> None:
    text = (
        "Northport Plan 2023-2030\nChapter 1 Energy\n1. Supply\n1.1 Sun\nInstall 80 MW of solar capacity by 2025.\n(Led by the Energy Bureau, with the "
        "Housing Department and the Finance Office)\n1.2 Grid\nPeak demand will stay below\n900 MW.\nChapter 2 Rules\nArticle 3 Water\nReduce losses by 5%.\n"
        "Responsible: Water Authority, Planning Department.\n"
    )
    reading = read(text.encode())
    (document,) = reading.documents
    assert [(s.path, s.title) for s in document.sections] == [
        ("1", "Energy"), ("1/1", "Supply"), ("1/1/1.1", "Sun"), ("1/1/1.2", "Grid"), ("2", "Rules"), ("2/3", "Water")
    ]  # fmt: skip
    sun, grid, water = document.commitments
    assert (sun.lead, sun.participants) == (("Energy Bureau",), ("Housing Department", "Finance Office"))
    assert (grid.lead, grid.section) == ((), "1/1/1.2")
    assert water.lead == ("Water Authority", "Planning Department")
    assert reading.text[grid.raw_start : grid.raw_end] == "Peak demand will stay below\n900 MW"
    for c in document.commitments:
        assert "".join(reading.text[c.raw_start : c.raw_end].split()) == c.quote
