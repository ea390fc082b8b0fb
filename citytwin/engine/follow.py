"""What is done about a plan in force? Targets are bound to indicators and divided, measures reported on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

import msgspec

from citytwin.engine import files, inforce
from citytwin.engine.decision import Step, decide
from citytwin.engine.load import target_faults
from citytwin.engine.twin import Twin, find
from citytwin.kernel.errors import BadRequest, NotFound
from citytwin.kernel.plan import Attachment, Binding, Measure, MeasureState, Report, Target

MOST_FILES = 20


def bound(twin: Twin, indicator: str, asset: str) -> Binding:
    """A binding whose indicator and asset exist and fit. Raises NotFound, BadRequest."""
    found = find(twin.indicators, indicator, "indicator")
    kind = twin.asset_types.get(asset)
    if kind is None:
        raise NotFound(f"there is no asset '{asset}'", "see /api/assets", "asset")
    if found.per not in ("*", kind):
        raise BadRequest(f"'{indicator}' is not computed for a {kind}", f"choose a {found.per}", "asset")
    return Binding(indicator, asset)


def bind(twin: Twin, id: str, by: str, indicator: str, asset: str, note: str = "") -> None:
    """Let an indicator at an asset measure the target `plan.target`, or, with neither, nothing. Raises NotFound, BadRequest."""
    with twin.turn:
        plan, target = twin.target(id)
        chosen = bound(twin, indicator, asset) if indicator or asset else None
        if chosen == target.measured_by:
            return
        if chosen:
            _judgeable(replace(target, measured_by=chosen, not_measured=None))
        before = {"target": target.id, "measured_by": target.measured_by}
        after = {"target": target.id, "measured_by": chosen}
        decide(twin, by, Step(inforce.ABOUT + plan.id, "bind", before, after, note))
        twin.recall()


def share(twin: Twin, id: str, by: str, parts: Sequence[Target], note: str = "") -> None:
    """Divide the target `plan.target` into these parts, instead of any it had; with none, take the division back. Raises NotFound, BadRequest."""
    with twin.turn:
        plan, target = twin.target(id)
        if target.part_of:
            raise BadRequest("this target is itself a part", f"divide '{target.part_of}' otherwise", id)
        for part in parts:
            _judgeable(part)
        now = [t for t in plan.targets if t.part_of == target.id]
        if now == list(parts):
            return
        before, after = {"target": target.id, "parts": now}, {"target": target.id, "parts": list(parts)}
        decide(twin, by, Step(inforce.ABOUT + plan.id, "share", before, after, note))
        twin.recall()


def report(
    twin: Twin,
    plan: str,
    id: str,
    by: str,
    state: MeasureState,
    note: str = "",
    attached: Sequence[str] = (),
    on: date | None = None,
) -> None:
    """Say how a measure stands, with files (SHA-256 of each) as proof; `on` is the day it was done. Raises NotFound, BadRequest."""
    with twin.turn:
        found = measure(twin, plan, id)
        held = twin.in_force[plan].report(found.id)
        attachments = tuple(_attachment(twin, sha256) for sha256 in dict.fromkeys(attached))
        if len(attachments) > MOST_FILES:
            raise BadRequest(f"{len(attachments)} files at once", f"at most {MOST_FILES}", "attachments")
        if state == "done" and not note.strip() and not attachments:
            raise BadRequest("nothing shows that it is done", "say how, or attach the proof", "note")
        now = twin.clock.now()
        if on is not None and (state != "done" or on > now.astimezone(ZoneInfo(twin.city.zone)).date()):
            raise BadRequest("a day of completion goes with what is done, today or before", "leave it out", "on")
        made = Report(found.id, state, now, by.strip(), note.strip(), attachments, on)
        before = held if held else {"measure": found.id, "state": "not_started"}
        decide(twin, by, Step(inforce.ABOUT + plan, "report", _plain(before), _plain(made), note.strip()))
        twin.recall()


def measure(twin: Twin, plan: str, id: str) -> Measure:
    """A measure of a plan in force. Raises NotFound."""
    return find({m.id: m for m in twin.plan(plan).measures}, id, "measure")


def _attachment(twin: Twin, sha256: str) -> Attachment:
    found = files.known(twin.store, sha256)
    if found is None:
        raise NotFound(f"there is no file '{sha256[:64]}'", "send it to /api/files first", "attachments")
    return found


def _judgeable(target: Target) -> None:
    for message, hint in target_faults(target):
        raise BadRequest(message, hint, target.id)


def _plain(value: object) -> dict[str, object]:
    made = msgspec.to_builtins(value)
    assert isinstance(made, dict)
    return made
