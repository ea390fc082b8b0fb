"""Do bills arrive as they were meant? Units, months, encodings, and every bad line named."""

import pytest

from citytwin.kernel.errors import BadBatch
from citytwin.packs.institution.feeds import parse_bill_csv

GOOD = '机构编号,月份,用电量(千瓦时),天然气(立方米),用水量(吨)\ninstitution-001,2026-03,"12,345.5",678,90\ninstitution-002,2026年11月,1000,,20\n'


def test_bill_in_canonical_units():
    table = parse_bill_csv(GOOD.encode()).table
    assert table["stream"].to_pylist() == [
        "institution-001.institution.electricity_month",
        "institution-001.institution.natural_gas_month",
        "institution-001.institution.water_month",
        "institution-002.institution.electricity_month",
        "institution-002.institution.water_month",
    ]
    assert table["value"].to_pylist() == [12345.5, 678.0, 90.0, 1000.0, 20.0]
    assert [str(t) for t in table["time"].unique()] == ["2026-03-31 15:45:00+00:00", "2026-11-30 15:45:00+00:00"]


@pytest.mark.parametrize(("unit", "factor"), [("千瓦时", 1.0), ("万千瓦时", 1e4), ("兆瓦时", 1e3), ("度", 1.0)])
def test_electricity_units_against_the_vocabulary(unit, factor):
    text = f"机构编号,月份,用电量（{unit}）\na-1,202603,2\n"
    assert parse_bill_csv(text.encode()).table["value"].to_pylist() == [2.0 * factor]


def test_gb18030_and_excel_mark_are_read():
    for encoding in ("gb18030", "utf-8-sig"):
        assert parse_bill_csv(GOOD.encode(encoding)).table.num_rows == 5


def test_every_bad_line_is_named():
    text = (
        GOOD
        + "institution-003,2026-13,1,1,1\n,2026-03,1,1,1\ninstitution-004,2026-03,abc,-5,1\ninstitution-001,2026/3,1,1,1\ninstitution-005,2026-03,1\n"
    )
    with pytest.raises(BadBatch, match="6 faults") as error:
        parse_bill_csv(text.encode())
    assert [(f.where, f.code) for f in error.value.faults] == [
        ("line 4", "MONTH"),
        ("line 5", "ID"),
        ("line 6", "VALUE"),
        ("line 6", "VALUE"),
        ("line 7", "TWICE"),
        ("line 8", "CELLS"),
    ]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("月份,用电量(千瓦时)", "COLUMN"),
        ("机构编号,月份", "COLUMN"),
        ("机构编号,月份,用电量(立方米)", "UNIT"),
        ("机构编号,月份,天然气(吨)", "UNIT"),
        ("机构编号,月份,用电量", "UNIT"),
    ],
)
def test_header_at_fault_is_refused(header, code):
    with pytest.raises(BadBatch, match="header") as error:
        parse_bill_csv(f"{header}\na-1,2026-03,1\n".encode())
    assert [f.code for f in error.value.faults] == [code]


def test_nothing_is_not_a_bill():
    for payload in (b"", b"\xff\xff\x00"):
        with pytest.raises(BadBatch):
            parse_bill_csv(payload)
