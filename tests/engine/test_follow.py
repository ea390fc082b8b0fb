"""Is what is done about a plan in force on record, and does it show in how the targets stand?"""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from citytwin.engine import files, follow, track
from citytwin.engine.summary import tally
from citytwin.engine.twin import Twin
from citytwin.kernel.clock import FixedClock
from citytwin.kernel.errors import BadRequest, NotFound
from citytwin.kernel.plan import Binding, Measure, Place, Plan, Target
from citytwin.kernel.title import Title

from ..conftest import NOW

HERE = Place("一", 0, 9)
BUILT = Target(
    "built", Title("建成泵站", "Pump station built"), "milestone", "done_by", HERE, deadline=date(2025, 12, 31),
    not_measured=Title("尚无进展报告", "Not reported yet"),
)  # fmt: skip
LEVEL = Target(
    "level", Title("水位", "Level"), "numeric", "<=", HERE, 3.0, unit="m", deadline=date(2026, 12, 31),
    not_measured=Title("尚未绑定", "Not bound"),
)  # fmt: skip
PLAN = Plan(
    "p", Title("规划", "Plan"), ("市",), 1, targets=(BUILT, LEVEL),
    measures=(Measure("m001", Title("建泵站", "Build it"), HERE, ("水务局",), deadline=date(2025, 12, 31), target="built"),),
)  # fmt: skip


@pytest.fixture
def city(make_twin: Any) -> Twin:
    return make_twin(plans=(PLAN,))


def standing(twin: Twin, on: date) -> tuple[str, str]:
    found = {p.target: p for p in track.progress(twin, on)}["p.built"]
    return found.status, found.reason.en if found.reason else ""


def test_a_milestone_stands_as_its_measure_was_last_reported(city: Twin, clock: FixedClock) -> None:
    today, late = date(2025, 6, 30), date(2026, 1, 1)
    assert standing(city, today) == ("not_measured", "Not reported yet")
    follow.report(city, "p", "m001", "李工", "under_way")
    assert standing(city, today)[0] == "on_track"
    assert standing(city, late)[0] == "missed"
    follow.report(city, "p", "m001", "李工", "delayed", "征地滞后")
    assert standing(city, today) == ("at_risk", "Delayed, reported on 2025-06-30 by 李工")
    clock.moment = NOW.replace(month=9)
    follow.report(city, "p", "m001", "李工", "done", "通过验收")
    assert standing(city, late)[0] == "met"
    assert standing(city, today)[0] == "at_risk"  # as it was known then


def test_a_milestone_done_after_its_deadline_is_missed(city: Twin, clock: FixedClock) -> None:
    clock.moment = NOW.replace(year=2026)
    follow.report(city, "p", "m001", "李工", "done", "通过验收")
    assert standing(city, date(2026, 12, 31))[0] == "missed"


def test_what_was_done_in_time_and_reported_late_is_met(city: Twin, clock: FixedClock) -> None:
    clock.moment = NOW.replace(year=2026)
    follow.report(city, "p", "m001", "李工", "done", "通过验收", on=date(2025, 12, 1))
    assert standing(city, date(2026, 12, 31)) == ("met", "Reported done on 2025-12-01 by 李工")
    with pytest.raises(BadRequest, match="completion"):
        follow.report(city, "p", "m001", "李工", "delayed", on=date(2025, 12, 1))


def test_done_must_be_shown(city: Twin) -> None:
    with pytest.raises(BadRequest, match="nothing shows"):
        follow.report(city, "p", "m001", "李工", "done")
    with pytest.raises(NotFound, match="no file"):
        follow.report(city, "p", "m001", "李工", "done", attached=["0" * 64])
    proof = files.keep(city, b"signed", "a/b\\../acceptance.pdf", "李工")
    assert proof.name == "acceptance.pdf"
    follow.report(city, "p", "m001", "李工", "done", attached=[proof.sha256])
    report = city.in_force["p"].report("m001")
    assert report is not None
    assert report.attachments == (proof,)


def test_a_measure_that_is_not_there_is_named(city: Twin) -> None:
    with pytest.raises(NotFound, match="m999"):
        follow.report(city, "p", "m999", "李工", "done", "x")
    with pytest.raises(NotFound, match="no plan"):
        follow.report(city, "q", "m001", "李工", "done", "x")


def test_a_target_is_bound_and_unbound(city: Twin) -> None:
    follow.bind(city, "p.level", "李工", "tank.level_month", "t1")
    assert city.target("p.level")[1].measured_by == Binding("tank.level_month", "t1")
    assert city.target("p.level")[1].not_measured is None
    follow.bind(city, "p.level", "李工", "", "")
    assert city.target("p.level")[1].measured_by is None
    assert city.target("p.level")[1].not_measured is not None
    with pytest.raises(NotFound, match="indicator"):
        follow.bind(city, "p.level", "李工", "tank.no", "t1")


def test_a_divided_target_counts_once(city: Twin) -> None:
    parts = [
        Target(f"level_p0{n}", Title(f"{n}号", f"No {n}"), "numeric", "<=", HERE, 3.0, unit="m", deadline=date(2026, 6, 30),
               lead=(f"{n}号站",), measured_by=Binding("tank.level_month", f"t{n}"), part_of="level")
        for n in (1, 2)
    ]  # fmt: skip
    follow.share(city, "p.level", "李工", parts)
    assert [t.id for t in city.plan("p").targets] == ["built", "level", "level_p01", "level_p02"]
    standings = track.progress(city, date(2025, 6, 30))
    assert len(standings) == 4
    assert tally(standings)["total"] == 2
    with pytest.raises(BadRequest, match="itself a part"):
        follow.share(city, "p.level_p01", "李工", parts)
    follow.share(city, "p.level", "李工", parts[:1])
    assert [t.id for t in city.plan("p").targets] == ["built", "level", "level_p01"]
    follow.share(city, "p.level", "李工", [])
    assert [t.id for t in city.plan("p").targets] == ["built", "level"]
