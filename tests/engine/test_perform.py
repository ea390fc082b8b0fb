"""A demo's people: what they do against the calendar, the same in every city, and through the door that people use."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from citytwin.engine import form, handle, perform
from citytwin.engine.enter import Book
from citytwin.engine.twin import Twin
from citytwin.kernel.case import case
from citytwin.kernel.demo import Begun
from citytwin.kernel.errors import CityTwinError

from ..conftest import NOW, ZONE
from .test_kinds import KINDS

MAJOR, FAILED, PASSED = {"likelihood": 4, "severity": 4}, {"passed": False}, {"passed": True}
BEGUN = [
    Begun("done", "hazard", 40, (("advance", "rectify_major"), "inspect", ("advance", "rectify_major", FAILED), "inspect", ("advance", "closed", PASSED)), form=MAJOR),
    Begun("left", "hazard", 40, (("advance", "rectify_major"),), form=MAJOR),
    Begun("joint", "approval", 30, (("advance", "joint", {"complete": True}), ("answer", "fire", "object", "通道不足"), ("return", "accept", "退回修改")), form={"area": 900.0}),
    Begun("waits", "petition", 14, (("wait", "请补充地址"),), citizen=True, form={"matter": "噪声"}),
    Begun("bought", "contract", 800, ("operate", ("days", 400), "settle"), form={"guaranteed_share": 0.1}),
    Begun("year", "verification", 500, ("confirm", "confirmed"), under="bought", forms={"measure": {"saved_share": 0.2}}),
    Begun("new", "petition", 0.01, ("handle",), form={"matter": "新"}),
]  # fmt: skip
PATHS = {"spill": (("close",),)}


@pytest.fixture
def stage(tank_folder: Path, make_twin: Callable[..., Twin]) -> Callable[[], Twin]:
    (tank_folder / "cases.yaml").write_text(KINDS, "utf-8")
    return make_twin


def told(twin: Twin) -> list[tuple[object, ...]]:
    return [(e.case, e.n, e.time, e.act, e.by, e.body) for those in handle.events(twin, ids(twin)).values() for e in those]  # fmt: skip


def ids(twin: Twin) -> list[str]:
    return twin.store.fetch("SELECT case_id FROM case_file ORDER BY case_id")["case_id"].to_pylist()  # type: ignore[no-any-return]


def test_two_cities_are_played_alike_and_once(stage: Callable[[], Twin]) -> None:
    one, two = stage(), stage()
    acts = perform.perform(one, "tank", BEGUN, PATHS, {}, NOW)
    perform.perform(two, "tank", BEGUN, PATHS, {}, NOW)
    assert told(one) == told(two)
    assert len(told(one)) == acts
    assert perform.perform(one, "tank", BEGUN, PATHS, {}, NOW) == 0
    states = {b.name: handle.load(one, perform.own_id("tank", b.name))[0] for b in BEGUN}
    assert {k: (c.state, c.step) for k, c in states.items()} == {
        "done": ("closed", "closed"), "left": ("open", "rectify_major"), "joint": ("open", "accept"), "waits": ("waiting", "register"), "bought": ("open", "settle"),
        "year": ("closed", "confirmed"), "new": ("open", "register"),
    }  # fmt: skip
    assert (states["joint"].returns, states["bought"].facts["saved_share"], states["year"].parent) == (1, 0.2, perform.own_id("tank", "bought"))  # fmt: skip
    assert len(set(states["done"].did.values())) > 1  # whoever rectified did not inspect
    handle.handle(one, NOW)
    assert handle.load(one, perform.own_id("tank", "left"))[0].charge is not None  # it is weeks late


def test_people_act_in_office_hours_and_never_ahead_of_time(stage: Callable[[], Twin]) -> None:
    twin = stage()
    perform.perform(twin, "tank", BEGUN, PATHS, {}, NOW)
    for id, those in handle.events(twin, ids(twin)).items():
        assert case(those) == handle.load(twin, id)[0]
        assert [e.time for e in those] == sorted(e.time for e in those)
        for e in those:
            local = e.time.astimezone(ZoneInfo(ZONE))
            assert e.time <= NOW
            if e.by and e.case != perform.own_id("tank", "new"):
                assert twin.calendar.works(local.date(), guess=True), e
                assert 9 <= local.hour < 17, e


def test_a_whole_play_sees_every_step_however_short_the_time(stage: Callable[[], Twin]) -> None:
    twin = stage()
    perform.perform(twin, "tank", [Begun(b.name, b.type, 0.02, b.path, form=b.form) for b in BEGUN[:3]], PATHS, {}, NOW, whole=True)  # fmt: skip
    steps = {e.body.get("to") for those in handle.events(twin, ids(twin)).values() for e in those}
    assert {"rectify_major", "inspect", "closed", "joint", "accept"} <= steps
    assert max(e.time for those in handle.events(twin, ids(twin)).values() for e in those) <= NOW


def test_a_path_that_does_not_go_is_told_and_leaves_nothing(stage: Callable[[], Twin]) -> None:
    twin = stage()
    for path in (("closed",), (("fly", "away"),), (("return", "inspect", "x"),)):
        with pytest.raises(CityTwinError):
            perform.perform(twin, "tank", [Begun("bad", "hazard", 40, path, form=MAJOR)], PATHS, {}, NOW)
    assert ids(twin) == []


def test_its_files_are_what_they_say() -> None:
    assert [form.media(perform.picture(n)) for n in (0, 1)] == ["image/png"] * 2
    assert form.media(perform.paper(0)) == "application/pdf"
    assert perform.picture(0) != perform.picture(1)
    offset = int(perform.paper(0).rpartition(b"startxref\n")[2].split()[0])
    assert perform.paper(0)[offset:].startswith(b"xref")


def by_itself_opened(twin: Twin) -> str:
    """A case that nobody opened, as schedules and alarms open it."""
    book = Book(twin)
    id = f"spill-{len(ids(twin))}"
    book.open(twin.cases["tank.spill"], id, NOW, "schedule")
    book.commit()
    return id


def test_people_go_on_from_where_they_are_as_if_they_had_never_stopped(stage: Callable[[], Twin]) -> None:
    """Against a city that is asked once at the end: asked every eight hours, a few moves at a time, it has the same events at the same times."""
    later = NOW + timedelta(days=25)
    one, two = stage(), stage()
    for twin in (one, two):
        perform.perform(twin, "tank", BEGUN, PATHS, {}, NOW)
        by_itself_opened(twin)
    perform.perform(one, "tank", BEGUN, PATHS, {}, later)
    now, before = NOW, len(told(two))
    while now < later:
        now = min(now + timedelta(hours=8), later)
        while perform.perform(two, "tank", BEGUN, PATHS, {}, now, most=1):
            pass
    acts = [e for e in told(two) if e[3] != "assign"]
    assert acts == [e for e in told(one) if e[3] != "assign"]
    assert len(told(two)) >= before + 2
    spill = next(i for i in ids(two) if handle.load(two, i)[0].type == "tank.spill")
    assert handle.load(two, spill)[0].state == "closed"
    assert handle.load(two, perform.own_id("tank", "new"))[0].step != "register"


def test_what_a_person_touched_or_opened_is_left_to_people(stage: Callable[[], Twin]) -> None:
    twin = stage()
    perform.perform(twin, "tank", BEGUN, PATHS, {}, NOW)
    touched = perform.own_id("tank", "new")
    handle.act(twin, touched, "comment", "李华", "我来办", {}, NOW)
    by_hand = handle.open_case(twin, "tank.spill", "李华", "hand", at=NOW).id
    by_itself = by_itself_opened(twin)
    for days in (3, 20, 60):
        perform.perform(twin, "tank", BEGUN, PATHS, {}, NOW + timedelta(days=days))
    assert [e.act for e in handle.events(twin, [by_hand])[by_hand]] == ["open"]
    assert [e.by for e in handle.events(twin, [touched])[touched] if e.time > NOW] == []
    assert handle.load(twin, by_itself)[0].state == "closed"
    # taken over while they were at it
    mine = by_itself_opened(twin)
    perform.perform(twin, "tank", BEGUN, PATHS, {}, NOW)
    handle.act(twin, mine, "comment", "李华", "先放一放", {}, NOW)
    perform.perform(twin, "tank", BEGUN, PATHS, {}, NOW + timedelta(days=60))
    assert handle.load(twin, mine)[0].state == "open"
