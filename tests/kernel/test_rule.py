"""Alarm states: the diagram of ISA-18.2, way by way, and the facts that add up to them."""

from __future__ import annotations

import random

import pytest

from citytwin.kernel.errors import Conflict
from citytwin.kernel.rule import HOLDS, PRIORITY, Act, AlarmState, Rule, after, standing
from citytwin.kernel.title import Title

# from, act, to, of a rule that is plain, must be acknowledged, or latches. ANSI/ISA-18.2-2016, figure of the alarm state transitions: A normal, B unacknowledged,
# C acknowledged, D returned unacknowledged, E latched unacknowledged, F latched acknowledged, G shelved, H suppressed by design, I out of service
DIAGRAM: list[tuple[AlarmState, Act, AlarmState, str]] = [
    ("cleared", "raise", "active", "plain"),  # A to B
    ("active", "acknowledge", "acknowledged", "plain"),  # B to C
    ("acknowledged", "return", "cleared", "plain"),  # C to A
    ("active", "return", "returned", "must"),  # B to D
    ("active", "return", "cleared", "plain"),  # B to A, acknowledged by itself
    ("returned", "acknowledge", "cleared", "must"),  # D to A
    ("returned", "raise", "active", "must"),  # D to B
    ("active", "return", "latched", "latching"),  # B to E
    ("acknowledged", "return", "latched_acknowledged", "latching"),  # C to F
    ("latched", "acknowledge", "latched_acknowledged", "latching"),  # E to F
    ("latched", "raise", "active", "latching"),  # E to B
    ("latched_acknowledged", "reset", "cleared", "latching"),  # F to A
    ("latched_acknowledged", "raise", "active", "latching"),  # F to B
    *[(s, "shelve", "shelved", "plain") for s in ("active", "acknowledged", "returned", "latched", "suppressed")],  # to G
    *[(s, "suppress", "suppressed", "plain") for s in ("active", "acknowledged", "returned", "latched")],  # to H
    *[(s, "remove", "out_of_service", "plain") for s in ("active", "acknowledged", "shelved", "suppressed")],  # to I
    *[(s, "release", "active", "plain") for s in ("shelved", "suppressed", "out_of_service")],  # G, H, I to B
    *[(s, "return", "cleared", "must") for s in ("shelved", "suppressed", "out_of_service")],  # G, H, I: to A when let go
]  # fmt: skip


@pytest.mark.parametrize(("state", "act", "to", "of"), DIAGRAM)
def test_a_way_of_the_diagram_against_isa_18_2(state: AlarmState, act: Act, to: AlarmState, of: str) -> None:
    assert after(state, act, latching=of == "latching", must_acknowledge=of == "must") == to


@pytest.mark.parametrize(
    ("state", "act"),
    [
        ("cleared", "acknowledge"), ("acknowledged", "acknowledge"), ("latched", "reset"), ("active", "reset"), ("shelved", "acknowledge"),
        ("active", "release"), ("shelved", "shelve"),
    ],
)  # fmt: skip
def test_what_the_diagram_has_no_way_for_is_refused(state: AlarmState, act: Act) -> None:
    with pytest.raises(Conflict, match=state):
        after(state, act)


@pytest.mark.parametrize("latching", [False, True])
@pytest.mark.parametrize("must", [False, True])
def test_facts_of_a_spell_against_the_walk_through_the_diagram(latching: bool, must: bool) -> None:
    draw = random.Random(18)
    for _ in range(300):
        state: AlarmState = "active"
        on, acknowledged, reset, hold = True, False, False, ""
        for _ in range(8):
            act: Act = draw.choice(["return", "acknowledge", "reset", "shelve", "suppress", "remove", "release"])
            if not on and (act in HOLDS or act == "release"):
                continue  # a spell that is over is held no more
            try:
                state = after(state, act, latching=latching, must_acknowledge=must)
            except Conflict:
                continue
            on = on and act != "return"
            reset = reset or act == "reset" or (act == "return" and bool(hold))
            acknowledged = acknowledged or act == "acknowledge"
            hold = HOLDS.get(act, hold)
            if act == "release":
                hold, acknowledged = "", False
            facts = {"on": on, "acknowledged": acknowledged, "reset": reset, "hold": hold, "latching": latching}
            assert standing(**facts, must_acknowledge=must) == state  # type: ignore[arg-type]


def test_level_from_consequence_and_urgency_against_the_matrix() -> None:
    title = Title("甲", "A")
    assert Rule("r", title, consequence="severe", urgency="immediate").level == "critical"
    assert Rule("r", title, level="low", consequence="severe", urgency="immediate").level == "low"
    order = ["low", "medium", "high", "critical"]
    for consequence in ("severe", "major", "minor"):  # the sooner, the graver; the worse, the graver
        ranks = [order.index(PRIORITY[consequence, u]) for u in ("immediate", "prompt", "soon")]  # type: ignore[index]
        assert ranks == sorted(ranks, reverse=True)
