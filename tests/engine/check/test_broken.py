"""Is every fault named at its line? Breaks a sound pack in one place after another."""

from __future__ import annotations

import re
from typing import Any

import pytest

SWAP: list[tuple[str, str, str, str, str]] = [
    # file, what stands there, what is put there, code, place (empty: the file and line of the change)
    ("pack.yaml", "id: wells", "id: springs", "NAMES", "pack.yaml:1"),
    ("pack.yaml", "[A01]", "[Z99]", "NAMES", ""),
    ("pack.yaml", "uses: []", "uses: [sewers]", "NAMES", ""),
    ("pack.yaml", "uses: []", "uses: [base]", "NAMES", ""),
    ("pack.yaml", "uses: []", "uses: []\nuses: []", "YAML", "pack.yaml:6"),
    ("types.yaml", "geometry: point", "geometry: dot", "SCHEMA", ""),
    ("types.yaml", "unit: m,", "unit: cubit,", "NAMES", ""),
    ("types.yaml", "{id: owner", "{id: longitude", "NAMES", ""),
    ("types.yaml", "target: well", "target: wall", "NAMES", ""),
    ("types.yaml", "id: beside", "id: water", "NAMES", "streams.yaml:2"),
    ("streams.yaml", "quantity: level", "quantity: mood", "NAMES", ""),
    ("streams.yaml", "asset: well", "asset: base.building", "NAMES", ""),
    ("streams.yaml", "cadence_s: 3600", "cadence_s: hourly", "SCHEMA", ""),
    ("streams.yaml", "cadence_s: 3600", "cadence_s: 3600\n    low: 5\n    high: 1", "NAMES", "streams.yaml:7"),
    ("streams.yaml", "payload: number", "payload: text", "SCHEMA", ""),
    ("streams.yaml", "wells/{asset}/{stream}", "wells/{asset}/{flow}", "NAMES", ""),
    ("streams.yaml", "wells/{asset}/{stream}", "readings/{asset}/{stream}", "NAMES", ""),
    ("streams.yaml", "wells/{asset}/{stream}", "wells/+/{stream}", "NAMES", ""),
    ("streams.yaml", "wells/{asset}/{stream}", "wells/{asset}/{asset}", "NAMES", ""),
    ("streams.yaml", "wells/{asset}/{stream}", "wells/{asset}", "NAMES", ""),
    ("streams.yaml", "wells/{asset}/{stream}", "wells/{asset}/now/{stream}", "IDLE", ""),
    ("streams.yaml", "payload: number", "payload: number\n    time: at", "NAMES", "streams.yaml:10"),
    ("streams.yaml", "payload: number", "payload: number\n    unit: s", "DEMO", "demo.py:45"),
    ("streams.yaml", "asset: at\n    fields", "asset: at\n    stream: water\n    fields", "NAMES", "streams.yaml:10"),
    ("streams.yaml", "fields: {cm: water}", "fields: {cm: fire}", "NAMES", ""),
    ("streams.yaml", "units: {cm: cm}", "units: {cm: kg}", "NAMES", ""),
    ("streams.yaml", "units: {cm: cm}", "units: {cm: cubit}", "NAMES", ""),
    ("streams.yaml", "units: {cm: cm}", "units: {mm: mm}", "NAMES", ""),
    ("streams.yaml", "topic: wells/log\n", "topic: wells/logger\n", "NAMES", ""),
    ("streams.yaml", "feed: parse_log", "feed: parse_lag", "NAMES", ""),
    ("demo.py", 'b"2.1"', 'b"high"', "DEMO", "demo.py:45"),
    ("demo.py", '"at": "well-1"', '"at": "well-9"', "DEMO", "demo.py:45"),
    ("demo.py", '    yield "wells/log", b""\n', "", "IDLE", "streams.yaml:15"),
    ("streams.yaml", "cadence_s: 3600", "cadence_s: 3600\n    policy: {late: refuse}", "NAMES", "streams.yaml:7"),
    ("streams.yaml", "cadence_s: 3600", "cadence_s: 3600\n    policy: {late: never}", "SCHEMA", "streams.yaml:7"),
    ("streams.yaml", "cadence_s: 3600", "cadence_s: 3600\n    qc: {spike: {}}", "NAMES", "streams.yaml:7"),
    ("streams.yaml", "cadence_s: 3600", "cadence_s: 3600\n    qc: {spyke: {bad: 1}}", "SCHEMA", "streams.yaml:7"),
    ("streams.yaml", "cadence_s: 3600", "cadence_s: 3600\n    choices: [{code: 1, id: on, title: {zh: 开, en: On}}]", "NAMES", "streams.yaml:7"),
    ("rules.yaml", "above: alarm_level", "above: owner", "NAMES", ""),
    ("rules.yaml", "above: alarm_level", "above: height", "NAMES", ""),
    ("rules.yaml", "above: alarm_level", "above: 9", "IDLE", "rules.yaml:2"),
    ("rules.yaml", "above: alarm_level", "above: -9", "IDLE", "rules.yaml:2"),
    ("rules.yaml", "above: alarm_level", "above: 2\n    below: 1", "NAMES", "rules.yaml:7"),
    ("rules.yaml", "rows: rising.sql", "rows: rising.sql\n    above: 3", "NAMES", "rules.yaml:17"),
    ("rules.yaml", "    unit: m\n", "", "NAMES", "rules.yaml:16"),
    ("rules.yaml", "unit: m", "unit: cubit", "NAMES", ""),
    ("rules.yaml", "silent_s: 10800", "silent_s: 10800\n    unit: s", "NAMES", "rules.yaml:13"),
    ("rules.yaml", "silent_s: 10800", "silent_s: 10800\n    on_delay_s: 60", "NAMES", "rules.yaml:13"),
    ("rules.yaml", "unit: m", "unit: m\n    deadband: 1", "NAMES", "rules.yaml:18"),
    ("rules.yaml", "silent_s: 10800", "silent_s: 90000", "IDLE", "rules.yaml:8"),
    ("rules.yaml", "opens: pumping", "opens: pomping", "NAMES", ""),
    ("rules.yaml", "level: high\n", "consequence: major\n", "NAMES", "rules.yaml:2"),
    ("rules.yaml", "level: high\n", "consequence: major\n    urgency: immediate\n", "", ""),
    ("rules.yaml", "above: alarm_level", "rising: 0.5", "NAMES", "rules.yaml:2"),
    ("rules.yaml", "above: alarm_level", "above: 1.72", "FLOOD", "rules.yaml:2"),
    ("rules.yaml", "above: alarm_level", "stuck_s: 0", "NAMES", ""),
    ("rules.yaml", "above: alarm_level", "deviation: 0", "NAMES", "rules.yaml:6"),
    ("rules.yaml", "above: alarm_level", "above: alarm_level\n    method: ewma", "NAMES", "rules.yaml:7"),
    ("rules.yaml", "above: alarm_level", "above: alarm_level\n    alike: workday", "NAMES", "rules.yaml:7"),
    ("rules.yaml", "above: alarm_level", "deviation: 3\n    alike: workday\n    learn_days: 14", "NAMES", "rules.yaml:8"),
    ("rules.yaml", "above: alarm_level", "deviation: 3\n    learn_days: 500", "NAMES", "rules.yaml:7"),
    ("rules.yaml", "above: alarm_level", "unusual_days: 0", "NAMES", "rules.yaml:6"),
    ("rules.yaml", "above: alarm_level", "unusual_days: 30\n    learn_days: 7", "NAMES", "rules.yaml:6"),
    ("rules.yaml", "above: alarm_level", "seasons: [{months: [13], above: alarm_level}]", "NAMES", ""),
    ("rules.yaml", "above: alarm_level", "seasons: [{above: owner}]", "NAMES", ""),
    ("rules.yaml", "above: alarm_level", "above: alarm_level\n    seasons: [{hours: [8, 8], above: 2}]", "NAMES", "rules.yaml:7"),
    ("rules.yaml", "above: alarm_level", "above: 0.1\n    against: fire", "NAMES", "rules.yaml:7"),
    ("rules.yaml", "opens: pumping", "opens: pumping\n    suppressed_by: [{rule: lots}]", "NAMES", "rules.yaml:8"),
    ("rules.yaml", "opens: pumping", "opens: pumping\n    suppressed_by: [{rule: lost, through: besides}]", "NAMES", "rules.yaml:8"),
    ("rules.yaml", "opens: pumping", "opens: pumping\n    suppressed_by: [{rule: lost, through: beside}]", "", ""),
    ("cases.yaml", "role: {zh: 抽水班组, en: Crew}", "role: {en: Crew}", "SCHEMA", ""),
    ("cases.yaml", "role: {zh: 抽水班组, en: Crew}", "role: crew", "SCHEMA", ""),
    ("cases.yaml", "role: {zh: 抽水班组, en: Crew}", 'role: {zh: "", en: Crew}', "NAMES", ""),
    ("cases.yaml", "next: [drop]}", "next: [drup]}", "NAMES", ""),
    ("cases.yaml", "next: [pump, drop]", "next: [drop]", "NAMES", "cases.yaml:6"),
    ("panels.yaml", "by: daily", "by: dayly", "NAMES", ""),
    ("panels.yaml", "of: water", "of: well", "NAMES", ""),
    ("panels.yaml", "of: well,", "of: well, height: alarm_level,", "NAMES", "panels.yaml:2"),
    ("grade.csv", "low,0,made up", "low,0,", "TABLE", ""),
    ("grade.csv", "low,0,made up", "low,0", "TABLE", ""),
    ("grade.csv", "name,least,source", "name,least,origin", "TABLE", ""),
    ("indicators/daily.sql", "-- unit: m", "-- unit: cubit", "NAMES", ""),
    ("indicators/daily.sql", "-- every: day", "-- every: week", "SCHEMA", ""),
    ("indicators/daily.sql", "-- source_zh: 当日平均值\n", "", "SCHEMA", "indicators/daily.sql:1"),
    ("indicators/daily.sql", "-- source_en:", "-- source:", "SCHEMA", "indicators/daily.sql:1"),
    ("indicators/daily.sql", "SELECT w", "SELEKT w", "SQL", ""),
    ("indicators/daily.sql", " AND w.time < $until", "", "SQL", "indicators/daily.sql:9"),
    ("indicators/daily.sql", "GROUP BY w.asset_id, date_trunc('day', w.time)", "GROUP BY ALL", "SQL", ""),
    ("indicators/daily.sql", "avg(w.value)", "arg_max(w.value, w.time)", "SQL", ""),
    ("indicators/daily.sql", "avg(w.value)", "avg(w.valeu)", "SQL", ""),
    ("indicators/daily.sql", "avg(w.value)", "log10(avg(w.value))", "SQL", ""),
    ("indicators/daily.sql", "avg(w.value)", "round(avg(w.value), 2)", "SQL", ""),
    ("indicators/daily.sql", "avg(w.value)", "avg(w.value) + 0 * round(log(avg(w.value)))", "", ""),
    ("indicators/daily.sql", "avg(w.value)", "random()", "SQL", ""),
    ("indicators/daily.sql", "avg(w.value)", "list(w.value)[1]", "SQL", ""),
    ("indicators/daily.sql", "FROM wells.water", "FROM reading", "SQL", ""),
    ("indicators/daily.sql", "FROM wells.water", "FROM read_csv('/etc/passwd')", "SQL", ""),
    ("indicators/daily.sql", "FROM wells.water", "FROM '/etc/passwd'", "SQL", ""),
    ("indicators/daily.sql", "FROM wells.water", "FROM base.temperature", "NAMES", ""),
    ("indicators/daily.sql", "FROM wells.water", "FROM wells.watter", "NAMES", ""),
    ("indicators/daily.sql", "AS period, avg", "AS day, avg", "SQL", "indicators/daily.sql:1"),
    ("indicators/daily.sql", "SELECT w.asset_id", "DELETE FROM wells.water; SELECT w.asset_id", "SQL", ""),
    ("indicators/daily.sql", "-- every: day", "-- every: month", "FIGURE", "indicators/daily.sql:1"),
    ("indicators/daily.sql", "SELECT w.asset_id", "SELECT 'moon' AS asset_id", "FIGURE", "indicators/daily.sql:1"),
    ("indicators/daily.sql", "avg(w.value)", "ln(avg(w.value) - avg(w.value)) * 1", "FIGURE", "indicators/daily.sql:1"),
    ("indicators/daily.sql", "avg(w.value)", "avg(avg(w.value)) OVER ()", "CUT", "indicators/daily.sql:1"),
    ("rows/rising.sql", "m.value > g.least", "m.period >= $since", "SQL", ""),
    ("rows/rising.sql", "m.value > g.least", "m.value > 99 * g.least", "IDLE", "rules.yaml:13"),
    ("rows/rising.sql", "JOIN wells.grade AS g ON g.name = 'high'", "CROSS JOIN (SELECT 2.05 AS least) AS g", "IDLE", "grade.csv:1"),
    ("formulas.py", "References: SI Brochure, 9th ed.", "Somebody said so.", "SCIENCE", "formulas.py:4"),
    ("formulas.py", "9.80665 * depth", "9.81 * depth", "SCIENCE", "formulas.py:10"),
    ("formulas.py", "9.80665 * depth", "9.80665 * ", "PYTHON", ""),
    ("feeds.py", "-> Batch:", "-> dict:", "FEED", ""),
    ("models.py", "import pyarrow as pa", "import citytwin.engine.load as pa", "PYTHON", ""),
    ("models.py", 'title = Title("展望", "Outlook")', "", "MODEL", "models.py:11"),
    ("models.py", 'reads = ("wells.water",)', 'reads = ("wells.fire",)', "MODEL", "models.py:11"),
    ("models.py", 'writes = ("wells.water",)', "writes = ()", "MODEL", "models.py:11"),
    ("models.py", '{"highest": ', '{"lowest": 0.0, "highest": ', "MODEL", "models.py:11"),
    ("models.py", '{"highest": max(values.to_pylist())}', "{}", "MODEL", "models.py:11"),
    ("models.py", 'figures = (Figure("highest", Title("最高水位", "Highest level"), "m"),)', "", "MODEL", "models.py:11"),
    ("models.py", '"Highest level"), "m"', '"Highest level"), "cubit"', "MODEL", "models.py:11"),
    ("models.py", '"Highest level"), "m"', '"Highest level"), ""', "MODEL", "models.py:11"),
    ("models.py", 'Title("最高水位", "Highest level")', 'Title("", "Highest level")', "MODEL", "models.py:11"),
    ("models.py", 'Title("最高水位", "Highest level")', '"Highest level"', "MODEL", "models.py:11"),
    ("models.py", 'Figure("highest"', 'Figure("Highest"', "MODEL", "models.py:11"),
    ("models.py", '"m"),)', '"m"),) * 2', "MODEL", "models.py:11"),
    ("models.py", "t + self.horizon", "t + 9 * self.horizon", "MODEL", "models.py:11"),
    ("models.py", "        times =", "        1 / 0\n        times =", "PYTHON", ""),
    ("demo.py", 'CASE_PATHS = {"pumping": (("pump", "drop"), ("drop",))}', 'CASE_PATHS = {"pumping": (("drop",),)}', "IDLE", "cases.yaml:6"),
    ("demo.py", '(("pump", "drop"), ("drop",))', '(("drop", "pump"),)', "DEMO", ""),
    ("demo.py", '[Relation("well-0", "wells.beside", "well-1")]', "[]", "IDLE", "types.yaml:9"),
    ("demo.py", '"wells.beside", "well-1"', '"wells.beside", "well-9"', "DEMO", "demo.py:22"),
    ("demo.py", '"alarm_level": 2.0 + 0.5 * i', "", "DEMO", "demo.py:16"),
    ("demo.py", "math.sin(hour / 7.0 + i)", "math.sin(hour / 7.0 + i) + 1 / (i - 2)", "PYTHON", ""),
    ("demo.py", "import math", "import math\nraise RuntimeError('not today')", "PYTHON", "demo.py:4"),
    ("demo.py", "return 2.1 + 0.4", "return 2.1 + 9999.0", "DEMO", "streams.yaml:2"),
    ("demo.py", "rows = [(f", "hours = list(hours)\n    rows = [(f", "", ""),
    ("demo.py", "_level(i, h)) for", "_level(i, h - hours[0])) for", "CUT", "demo.py:26"),
    ("demo.py", "math.ceil(since.timestamp() / 3600)", "math.floor(since.timestamp() / 3600)", "CUT", "demo.py:26"),
    ("demo.py", "def records(", "def registers(", "DEMO", "demo.py:1"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "place"), SWAP, ids=[f"{s[0]}-{n}-{s[3]}" for n, s in enumerate(SWAP)]
)
def test_a_change_is_named_at_its_line(wells: Any, file: str, old: str, new: str, code: str, place: str) -> None:
    line = wells.replace(file, old, new)
    said = wells.said()
    if not code:
        assert said == []
        return
    assert (code, place or f"{file}:{line}") in said, wells.check()
    assert len(said) <= 5, wells.check()


@pytest.mark.parametrize("unit", ["minute", "hour", "day"])
def test_rolled_up_views_may_be_read(wells: Any, unit: str) -> None:
    path = wells.folder / "indicators" / "daily.sql"
    head = path.read_text("utf-8").partition("SELECT")[0]
    wells.write(
        "indicators/daily.sql",
        f"{head}SELECT o.asset_id, o.period, o.mean + 0 * (o.n + o.low + o.high + o.first + o.last) AS value\nFROM observation_{unit} AS o\n"
        "WHERE o.stream_type = 'wells.water' AND o.stream <> '' AND o.period >= $since AND o.period < $until\n",
    )
    said = wells.said()
    assert not [place for code, place in said if code == "SQL"], wells.check()
    assert said == [] or unit != "day"


def test_the_sound_pack_is_clean(wells: Any) -> None:
    heard: list[str] = []
    assert wells.check(heard.append) == []
    assert len(heard) == 1
    assert heard[0].startswith("wells: clean, ")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("utils.py", "x = 1\n"),
        ("helpers/x.sql", "SELECT 1"),
        ("tests/data.txt", "x"),
        ("indicators/notes.md", "x"),
        (".DS_Store", "x"),
    ],
)
def test_a_stray_file_is_named(wells: Any, name: str, text: str) -> None:
    wells.write(name, text)
    place = name.partition("/")[0] if name.startswith("helpers") else name
    assert wells.said() == [("LAYOUT", f"{place}:1")]


@pytest.mark.parametrize("name", ["README.md", "demo.py", "__init__.py", "tests/test_wells.py"])
def test_a_missing_file_is_named(wells: Any, name: str) -> None:
    (wells.folder / name).unlink()
    place = "tests" if name.startswith("tests") else name
    assert ("LAYOUT", f"{place}:1") in wells.said()


def test_a_file_that_is_not_utf8_is_named_at_its_line(wells: Any) -> None:
    wells.write("README.md", "# wells\n\n水".encode() + "井".encode("gbk") + b"\n")
    assert wells.said() == [("LAYOUT", "README.md:3")]


def test_a_table_that_is_not_utf8_stops_what_reads_it(wells: Any) -> None:
    wells.write("grade.csv", b"name,least,source\nhigh,2.05,\xb2\n")
    heard: list[str] = []
    assert [(f.code, f.where.partition("/wells/")[2]) for f in wells.check(heard.append)] == [("LAYOUT", "grade.csv:2")]
    assert "wells: stage demo skipped (mend text first)" in heard


def test_what_a_demo_gives_and_no_verb_can_take(wells: Any) -> None:
    wells.replace("demo.py", "pa.array([r[2] for r in rows], pa.float64())", '["high" for r in rows]')
    assert wells.said() == [("PYTHON", "demo.py:1")]


def test_an_empty_file_is_named(wells: Any) -> None:
    wells.write("README.md", "")
    assert wells.said() == [("LAYOUT", "README.md:1")]


def test_a_rows_file_that_no_rule_names(wells: Any) -> None:
    wells.write("rows/idle.sql", "SELECT asset_id, period AS since, value FROM wells.daily")
    assert wells.said() == [("NAMES", "rows/idle.sql:1")]


def test_a_type_without_an_asset_and_a_stream_without_readings(wells: Any) -> None:
    wells.replace("types.yaml", "relations:", "  - {id: spring, title: {zh: 泉, en: Spring}}\nrelations:")
    wells.write("streams.yaml", (wells.folder / "streams.yaml").read_text("utf-8")
                .replace("topics:", "  - {id: flow, title: {zh: 流量, en: Flow}, asset: spring, quantity: flow, cadence_s: 60}\ntopics:"))  # fmt: skip
    assert wells.said() == [("IDLE", "streams.yaml:7"), ("IDLE", "types.yaml:8")]


def test_a_class_that_is_nearly_a_model(wells: Any) -> None:
    wells.replace("models.py", "def run(self", "def walk(self")
    wells.replace(
        "panels.yaml", "  - {id: runs, title: {zh: 展望, en: Outlooks}, kind: run-compare, of: Outlook}\n", ""
    )
    assert wells.said() == [("MODEL", "models.py:11")]


def test_all_faults_are_told_at_once_and_in_order(wells: Any) -> None:
    places = [
        (
            "SQL",
            f"indicators/daily.sql:{wells.replace('indicators/daily.sql', 'avg(w.value)', 'arg_max(w.value, w.time)')}",
        ),
        ("NAMES", f"panels.yaml:{wells.replace('panels.yaml', 'by: daily', 'by: dayly')}"),
        ("NAMES", f"rules.yaml:{wells.replace('rules.yaml', 'above: alarm_level', 'above: height')}"),
        ("NAMES", f"rules.yaml:{wells.replace('rules.yaml', 'rows: rising.sql', 'rows: falling.sql')}"),
        ("NAMES", f"streams.yaml:{wells.replace('streams.yaml', 'quantity: level', 'quantity: mood')}"),
        ("NAMES", f"types.yaml:{wells.replace('types.yaml', 'unit: m,', 'unit: cubit,')}"),
        ("FEED", f"feeds.py:{wells.replace('feeds.py', '-> Batch:', '-> dict:')}"),
        ("TABLE", f"grade.csv:{wells.replace('grade.csv', 'low,0,made up', 'low,0,')}"),
        ("LAYOUT", "utils.py:1"),
        ("NAMES", "rows/rising.sql:1"),
    ]
    wells.write("utils.py", "x = 1\n")
    heard: list[str] = []
    found = [(f.code, f.where.partition("/wells/")[2]) for f in wells.check(heard.append)]
    assert sorted(found) == sorted(places)
    assert found == sorted(found, key=lambda f: (f[1].rpartition(":")[0], int(f[1].rpartition(":")[2])))
    assert heard[:3] == [
        "wells: stage columns skipped (mend names and sql first)",
        "wells: stage models skipped (mend names first)",
        "wells: stage demo skipped (mend names and sql first)",
    ]


def test_a_fault_reads_as_one_line(wells: Any) -> None:
    line = wells.replace("panels.yaml", "by: daily", "by: dayly")
    (fault,) = wells.check()
    assert str(fault).endswith(
        f"wells/panels.yaml:{line}: NAMES panel 'map' names 'dayly', which nothing declares (did you mean daily?)"
    )


def test_two_packs_may_not_give_one_asset(wells: Any) -> None:
    other = type(wells)(wells.root / "more")
    for path in sorted(wells.folder.rglob("*.*")):
        name = str(path.relative_to(wells.folder)).replace("wells", "pits")
        target = other.root / "pits" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(path.read_text("utf-8").replace("wells", "pits"), "utf-8")
    from citytwin.engine.check import check

    found = check(["wells", "pits"], [wells.root, other.root], wells.check.__globals__["memory"])
    assert [(f.code, f.where.partition("/pits/")[2]) for f in found] == [("DEMO", "demo.py:16")]


def test_a_rule_that_chatters_everywhere_is_told_with_its_count(wells: Any) -> None:
    """Levels that swing about the limit every three hours: some seven alarms a day and well, each for half of the time."""
    wells.replace("demo.py", "math.sin(hour / 7.0 + i)", "math.sin(hour * 2.0 + i)")
    wells.replace("rules.yaml", "above: alarm_level", "above: 2.1")
    (flood,) = [f for f in wells.check() if f.code == "FLOOD"]
    assert flood.where.endswith("rules.yaml:2")
    told = re.search(
        r"raises (\d+) alarms on the demo \(\d+ a day\) at (\d+) of \2 assets, and holds (\d+)%", flood.message
    )
    assert told, flood.message
    assert 5 < int(told[1]) / 3 / int(told[2]) < 9
    assert 30 < int(told[3]) < 70


def test_a_rule_on_the_past_is_tried_on_the_days_before(wells: Any) -> None:
    """A limit of next to nothing off what is usual: told as a flood, which three days alone would not show."""
    wells.replace("rules.yaml", "above: alarm_level", "deviation: 0.001")
    (flood,) = [f for f in wells.check() if f.code == "FLOOD"]
    assert flood.where.endswith("rules.yaml:2")
