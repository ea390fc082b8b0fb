"""A case is the sum of its events: folds against each other, clocks against hand counting and against a day-by-day count."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citytwin.kernel import sla
from citytwin.kernel.case import (
    Body,
    Case,
    CaseType,
    Escalation,
    Event,
    File,
    Pause,
    Proof,
    Step,
    after,
    case,
    missing,
    permit,
)
from citytwin.kernel.errors import BadRequest, CityTwinError, Conflict
from citytwin.kernel.title import Title
from citytwin.kernel.workday import DAY, standard

ZONE = "Asia/Shanghai"
T = Title("步", "Step")
ROLE, BOSS = Title("窗口", "Counter"), Title("主任", "Director")
KIND = CaseType(
    "p.permit",
    T,
    (
        Step("accept", T, ROLE, 2, ("review", "refuse"), extend=7, remind=(1, 0), escalate=(Escalation(0, BOSS), Escalation(3, BOSS))),
        Step("review", T, ROLE, 5, ("decide",), bodies=(Body("fire", T), Body("water", T))),
        Step("decide", T, ROLE, 3, ("done", "review"), proofs=(Proof("photo", T, ("image/*",), 2),)),
        Step("done", T, ROLE),
        Step("refuse", T, ROLE),
    ),
    days=20,
)  # fmt: skip
START = datetime(2025, 9, 26, 2, tzinfo=UTC)  # a Friday; Sunday 28 is worked, October 1 to 8 is not
ACTS = ["advance", "return", "reopen", "wait", "resume", "extend", "escalate", "assign", "delegate", "give_back", "join", "answer", "attach", "comment", "child", "child_done"]  # fmt: skip


def opened(at: datetime = START) -> list[Event]:
    return [Event("c", 1, at, "open", "", "", {"type": KIND.id, "step": "accept"})]


def more(events: list[Event], act: str, at: datetime, by: str = "王", note: str = "why", **body: object) -> list[Event]:
    """The events with one more, if the case permits it."""
    held = case(events)
    permit(KIND, held, act, body, by, note)  # type: ignore[arg-type]
    if act in ("advance", "return", "reopen"):
        step = KIND.step(str(body["to"]))
        assert step is not None
        body.pop("role", None)
        body |= {"ends": not step.next, "bodies": [b.id for b in step.bodies]}
    return [*events, Event("c", held.n + 1, at, act, by, note, body)]  # type: ignore[arg-type]


@st.composite
def stories(draw: st.DrawFn) -> list[Event]:
    """Events of a case as people might bring them about: whatever is permitted."""
    events, at = opened(), START
    for _ in range(draw(st.integers(0, 12))):
        at += timedelta(hours=draw(st.integers(0, 60)))
        body = {
            "to": draw(st.sampled_from([s.id for s in KIND.steps])),
            "bodies": [draw(st.sampled_from(["road", "gas"]))],
            "body": draw(st.sampled_from(["fire", "water", "road"])),
            "answer": draw(st.sampled_from(["agree", "object"])),
            "case": draw(st.sampled_from(["k1", "k2"])),
            "days": draw(st.integers(0, 9)),
            "key": draw(st.sampled_from(["1:hand_over:0", "2:hand_over:3"])),
            "role": draw(st.sampled_from(["", "窗口", "Director"])),
        }
        act = draw(st.sampled_from(ACTS))
        if act == "escalate":
            body["to"] = {"zh": "主任", "en": "Director"}
        try:
            events = more(events, act, at, draw(st.sampled_from(["王", "李"])), **body)
        except CityTwinError:
            continue
    return events


@given(stories(), st.integers(1, 13))
def test_the_sum_of_events_against_the_sum_of_sums(events: list[Event], cut: int) -> None:
    whole = case(events)
    held: Case | None = case(events[:cut]) if events[:cut] else None
    for event in events[cut:]:
        held = after(held, event)
    assert held == whole
    assert whole.n == len(events)


@given(stories())
def test_what_always_holds_of_a_case(events: list[Event]) -> None:
    held = case(events)
    step = KIND.step(held.step)
    assert step is not None
    assert (held.state == "closed") == (held.closed is not None) == (not step.next)
    assert held.visited[-1] == held.step
    assert held.returns + held.reopens + sum(e.act == "advance" for e in events) + 1 == len(held.visited)
    assert (held.state == "waiting") == any(p.until is None for p in held.pauses)
    assert all(p.until is None or p.until >= p.since for p in held.pauses)
    assert not (held.state == "closed" and held.children)
    assert held.extended <= step.extend
    assert held.longer == sum(e.body["days"] for e in events if e.act == "extend")
    last = max(e.n for e in events if e.act in ("open", "advance", "return", "reopen"))
    assert (held.charge is not None) == any(e.act == "escalate" and e.n > last for e in events)
    assert held.entry == last
    for step_id, by in held.did.items():
        assert by in {e.by for e in events if e.act == "advance"}
        assert step_id in held.visited
    assert all(a.until is not None and a.until <= b.since for a, b in zip(held.pauses, held.pauses[1:], strict=False))


def test_events_that_do_not_follow_are_refused() -> None:
    with pytest.raises(ValueError, match="begins with"):
        case([Event("c", 1, START, "advance", body={"to": "review"})])
    with pytest.raises(ValueError, match="does not follow"):
        case([*opened(), Event("c", 3, START, "comment")])
    with pytest.raises(ValueError, match="no events"):
        case([])


def test_a_joint_step_waits_for_everybody() -> None:
    events = more(opened(), "advance", START, to="review")
    for answers, clear in (
        ({}, False),
        ({"fire": "agree"}, False),
        ({"water": "object"}, False),
        ({"water": "agree"}, True),
    ):
        for body, answer in answers.items():
            events = more(events, "answer", START, body=body, answer=answer)
        if clear:
            assert case(more(events, "advance", START, to="decide")).step == "decide"
        else:
            with pytest.raises(Conflict, match="not yet agreed"):
                more(events, "advance", START, to="decide")
    joined = more(events, "join", START, bodies=["road"])
    with pytest.raises(Conflict, match="road"):
        more(joined, "advance", START, to="decide")
    with pytest.raises(BadRequest, match="'gas' is not asked"):
        more(events, "answer", START, body="gas", answer="agree")


def test_handing_on_and_back() -> None:
    events = more(opened(), "assign", START, to="王")
    with pytest.raises(Conflict, match="'王' has the case"):
        more(events, "delegate", START, by="李", to="赵")
    events = more(events, "delegate", START, by="王", to="李")
    assert case(events).holder == "李"
    with pytest.raises(Conflict, match="had the case already"):
        more(events, "delegate", START, by="李", to="王")
    assert case(more(events, "give_back", START, by="李")).holder == "王"
    with pytest.raises(Conflict, match="not handed on"):
        more(more(events, "give_back", START, by="李"), "give_back", START, by="王")
    with pytest.raises(Conflict, match="'李' has the case"):
        more(events, "advance", START, by="王", to="review")
    assert case(more(events, "advance", START, by="李", to="review")).holder == ""


def test_return_reopen_and_children() -> None:
    two = more(more(opened(), "child", START, case="k1"), "child", START, case="k2")
    assert case(more(two, "child_done", START, case="k1")).children == {"k2"}
    events = more(opened(), "child", START, case="k1")
    with pytest.raises(Conflict, match="1 cases under this one"):
        more(events, "advance", START, to="refuse")
    events = more(more(events, "child_done", START, case="k1"), "advance", START, to="refuse")
    with pytest.raises(Conflict, match="closed"):
        more(events, "assign", START, to="王")
    with pytest.raises(BadRequest, match="cannot be reopened at 'review'"):
        more(events, "reopen", START, to="review")
    with pytest.raises(BadRequest, match="not said why"):
        more(events, "reopen", START, note=" ", to="accept")
    again = case(more(events, "reopen", START + DAY, to="accept"))
    assert (again.state, again.reopens, again.visited) == ("open", 1, ("accept", "refuse", "accept"))
    with pytest.raises(BadRequest, match="never at 'decide'"):
        more(opened(), "return", START, to="decide")


def test_proofs_are_counted_once_each() -> None:
    step = KIND.step("decide")
    a, b = File("aa", "a.png", 1, "image/png", "photo"), File("bb", "b.pdf", 1, "application/pdf", "photo")
    assert [(p.id, n) for p, n in missing([step], [a, a, b])] == [("photo", 1)]
    assert missing([step], [a, File("cc", "c.jpg", 1, "image/jpeg", "photo")]) == []


def shanghai(month: int, day: int, hour: int = 0) -> datetime:
    return datetime(2025, month, day, hour, tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


@pytest.mark.parametrize(
    ("days", "hours", "pauses", "expected"),
    [
        (1, 0, [], shanghai(9, 29)),  # Sunday 28 is a swapped working day
        (3, 0, [], shanghai(10, 1)),
        (4, 0, [], shanghai(10, 10)),  # after the holidays: Thursday 9
        (1, 0, [(shanghai(9, 27), shanghai(9, 29, 9))], shanghai(9, 30)),  # stood at the end of the 27th and 28th
        (1, 0, [(shanghai(9, 28, 9), shanghai(9, 28, 15))], shanghai(9, 29)),  # a pause within a day costs nothing
        (0, 8, [], shanghai(9, 28, 11)),  # 10:00: 6 hours on Friday, then 2
        (0, 8, [(shanghai(9, 26, 11), shanghai(9, 28, 9))], shanghai(9, 28, 17)),  # 1 hour, then a whole day
        (1, 2, [], shanghai(9, 26, 12)),  # the nearer of both
        (0, 0, [], None),
    ],
)
def test_deadlines_against_hand_count(days: int, hours: float, pauses: list[tuple[datetime, datetime]], expected: datetime | None) -> None:  # fmt: skip
    found = sla.due(START, days, hours, [Pause(a, b) for a, b in pauses], standard(), ZONE)
    assert (found.at if found else None) == expected


@given(st.lists(st.integers(1, 400), max_size=6), st.integers(1, 15))
def test_deadlines_in_days_against_day_by_day(gaps: list[int], days: int) -> None:
    moments = [START]
    for gap in gaps:
        moments.append(moments[-1] + timedelta(hours=gap))
    pauses = [Pause(a, b) for a, b in zip(moments[1::2], moments[2::2], strict=False)]
    found = sla.due(START, days, 0, pauses, standard(), ZONE)
    day, n = START.astimezone(ZoneInfo(ZONE)).date(), 0
    while n < days:
        day += DAY
        end = datetime.combine(day + DAY, datetime.min.time(), ZoneInfo(ZONE))
        n += standard().works(day) and not any(p.since < end and p.until is not None and p.until >= end for p in pauses)
    assert found is not None
    assert found.at.astimezone(ZoneInfo(ZONE)).date() == day + DAY


def test_the_clock_stands_while_the_applicant_acts_and_guesses_are_told() -> None:
    waiting = case(more(opened(), "wait", START + DAY))
    assert sla.step_due(KIND, waiting, standard(), ZONE) is None
    late = sla.due(datetime(2026, 12, 29, 2, tzinfo=UTC), 5, 0, [], standard(), ZONE)
    assert late is not None
    assert late.guessed
    assert sla.due(datetime(2026, 12, 29, 2, tzinfo=UTC), 2, 0, [], standard(), ZONE) == sla.Due(datetime(2026, 12, 31, 16, tzinfo=UTC))  # fmt: skip


def test_notices_against_hand_count() -> None:
    held = case(opened())  # due at the end of Monday 29

    def keys(now: datetime) -> list[str]:
        return [n.key for n in sla.notices(KIND, held, standard(), ZONE, now)]

    assert keys(shanghai(9, 28, 8)) == []
    assert keys(shanghai(9, 28, 9)) == ["1:remind:1"]
    assert keys(shanghai(9, 29, 9)) == ["1:remind:1", "1:remind:0"]
    assert keys(shanghai(9, 30)) == ["1:late", "1:escalate:0"]
    assert keys(shanghai(10, 10, 8)) == ["1:late", "1:escalate:0"]  # working days: 30, 9, 10
    assert keys(shanghai(10, 10, 9)) == ["1:late", "1:escalate:0", "1:escalate:3"]
    told = after(held, Event("c", 2, START, "notify", body={"key": "1:late"}))
    assert "1:late" not in [n.key for n in sla.notices(KIND, told, standard(), ZONE, shanghai(9, 30))]
    assert (
        list(sla.notices(KIND, case(more(opened(), "advance", START, to="refuse")), standard(), ZONE, shanghai(12, 1)))
        == []
    )
    assert date(2025, 10, 10) == standard().after(date(2025, 9, 29), 3)
