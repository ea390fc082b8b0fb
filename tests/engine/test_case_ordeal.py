"""Cases under random acts and under kill -9: what lists read against the sum of the events, what was acknowledged against what is on record."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from citytwin.engine import files, handle
from citytwin.engine.twin import Twin
from citytwin.kernel import sla
from citytwin.kernel.case import Case, case
from citytwin.kernel.clock import FixedClock
from citytwin.kernel.errors import CityTwinError
from citytwin.science import merkle

from .test_kinds import KINDS, PDF, PNG

FORMS: list[dict[str, Any]] = [
    {}, {"kind": "storm", "exceeds": True}, {"complete": True}, {"result": "sound"}, {"result": "faulty"}, {"passed": True}, {"passed": False}, {"saved_share": 0.2}, {"fined": False},
    {"complete": "yes"}, {"x": [1] * 600},
]  # fmt: skip
OPENINGS: list[tuple[str, dict[str, Any]]] = [
    ("outfall", {}), ("petition", {"matter": "噪声"}), ("approval", {"area": 900.0}), ("inspection", {}), ("visit", {}), ("hazard", {"likelihood": 4, "severity": 4}),
    ("contract", {"guaranteed_share": 0.1}), ("objection", {"late": 9, "code": "91310000MA1FL0XX1Y"}), ("hazard", {}),
]  # fmt: skip
PEOPLE = ["王", "李", "赵"]


def agree(twin: Twin) -> dict[str, Case]:
    """Every case is the sum of its events, sealed one by one, and its row and those above and below it say the same."""
    now = twin.clock.now()
    notices = handle.notices(twin, now)
    found = twin.store.fetch("SELECT * FROM case_file ORDER BY case_id").to_pylist()
    events = handle.events(twin, [r["case_id"] for r in found])
    sealed = {r["subject"]: r["digest"] for r in twin.store.fetch("SELECT subject, digest FROM evidence WHERE kind = 'case'").to_pylist()}  # fmt: skip
    assert len(sealed) == sum(map(len, events.values()))
    held = {id: case(those) for id, those in events.items()}
    for r in found:
        id, c = r["case_id"], held[r["case_id"]]
        kind = twin.cases[c.type]
        due, whole = sla.step_due(kind, c, twin.calendar, twin.city.zone), sla.whole_due(kind, c, twin.calendar, twin.city.zone)  # fmt: skip
        assert (r["step"], r["state"], r["holder"], r["closed"], r["entered"], r["opened"]) == (c.step, c.state, c.holder, c.closed, c.entered, c.opened)  # fmt: skip
        assert (r["due"], r["whole_due"], r["charge_zh"]) == (due and due.at, whole and whole.at, c.charge.zh if c.charge else "")  # fmt: skip
        assert (r["returns"], r["reopens"], r["parent"], r["type"]) == (c.returns, c.reopens, c.parent, c.type)
        assert [e.n for e in events[id]] == list(range(1, c.n + 1))
        assert all(a.time <= b.time for a, b in zip(events[id], events[id][1:], strict=False))
        assert c.children == {o.id for o in held.values() if o.parent == id and o.state != "closed"}
        assert not (c.children and c.state == "closed")
        told = {n.key for n in notices if n.case == id}
        assert told == {n.key for n in sla.notices(kind, c, twin.calendar, twin.city.zone, now)}
        for e in events[id]:
            said = hashlib.sha256(msgspec.json.encode(e, order="deterministic")).digest()
            assert sealed[f"{id}#{e.n}"] == merkle.leaf_hash(said).hex()
    return held


def some(dice: random.Random, twin: Twin, ids: list[str]) -> None:
    """One act of somebody, sensible or not."""
    if not ids or dice.random() < 0.12:
        kind, form = dice.choice(OPENINGS)
        parent = dice.choice(ids) if ids and dice.random() < 0.3 else ""
        ids.append(
            handle.open_case(
                twin, f"tank.{kind}", dice.choice(PEOPLE), form_=form, parent=parent, id=f"{dice.getrandbits(64):016x}"
            ).id
        )
        return
    id = dice.choice(ids)
    held, kind_ = handle.load(twin, id)
    step = kind_.step(held.step)
    assert step is not None
    what: Any = dice.choice(["advance"] * 14 + [*handle.TAKES, "child", "escalate"])
    to = dice.choice([*step.next, *(held.visited if what != "advance" else ()), "nowhere"]) if what in ("advance", "return", "reopen") else dice.choice(PEOPLE)  # fmt: skip
    wanted = set((step.form or {}).get("required", ()))
    fitting = [f for f in FORMS if wanted <= set(f) and (wanted or not f)] if dice.random() < 0.8 else FORMS
    body = {
        "to": to, "form": dice.choice(fitting), "days": dice.randint(0, 9), "body": dice.choice(["fire", "water", "planning", "ecology"]), "answer": dice.choice(["agree", "object"]),
        "bodies": ["road"], "files": [{"sha256": "0" * 64}],
    }  # fmt: skip
    if what == "advance":
        proofs = [p for t in kind_.steps for p in t.proofs if t.id == held.step]
        brought = [{"sha256": files.keep(twin, (PDF if "application/pdf" in p.media else PNG) + bytes([k]), "f", "王").sha256, "proof": p.id} for p in proofs for k in range(p.least)]  # fmt: skip
        body["files"] = brought if dice.random() < 0.8 else []
        for other in dice.sample(step.next, len(step.next) - 1) if step.next else ():
            with suppress(CityTwinError):
                handle.act(twin, id, what, held.holder or dice.choice(PEOPLE), "", {"to": other, "form": body["form"], "files": body["files"]})  # fmt: skip
                return
    takes = handle.TAKES.get(what, ("to",))
    given = {
        k: v for k, v in body.items() if k in takes and (k != "files" or what in ("attach", "advance")) and k != "role"
    }
    handle.act(twin, id, what, held.holder or dice.choice(PEOPLE), dice.choice(["", "因为", "because"]), given)


@pytest.mark.parametrize("seed", [1, 2])
def test_random_acts_leave_every_case_the_sum_of_its_events(
    tank_folder: Path, make_twin: Callable[..., Twin], clock: FixedClock, seed: int
) -> None:
    (tank_folder / "cases.yaml").write_text(KINDS, "utf-8")
    twin, dice, ids = make_twin(), random.Random(seed), list[str]()
    done = Counter[str]()
    for _ in range(160):
        clock.moment += timedelta(hours=dice.expovariate(1 / 20))
        before = twin.store.fetch("SELECT count(*) AS n FROM case_event")["n"][0].as_py()
        try:
            some(dice, twin, ids)
            done["acts"] += 1
        except CityTwinError:
            done["refused"] += 1
            assert twin.store.fetch("SELECT count(*) AS n FROM case_event")["n"][0].as_py() == before
        if dice.random() < 0.1:
            done["by itself"] += handle.handle(twin, clock.moment)
            assert handle.handle(twin, clock.moment) == 0
            ids = twin.store.fetch("SELECT case_id FROM case_file ORDER BY case_id")["case_id"].to_pylist()
    held = agree(twin)
    acts = Counter(e.act for those in handle.events(twin, list(held)).values() for e in those)
    assert {"open", "advance", "assign", "child"} <= set(acts), acts
    assert min(done["acts"], done["refused"]) > 30, done
    assert acts["advance"] > 5, acts
    assert done["by itself"] > 0


WORKER = """
import sys
from pathlib import Path
from citytwin.engine import handle, load
from citytwin.engine.twin import Twin
from citytwin.kernel.city import City
from citytwin.kernel.title import Title
from citytwin.kernel.clock import SystemClock
from citytwin.store.duckdb import DuckStore
pack, clock = load.pack(Path(sys.argv[1])), SystemClock()
store = DuckStore(Path(sys.argv[2]), "Asia/Shanghai", clock)
store.define([pack], load.tables([pack]))
twin = Twin(store, City("test", Title("测试市", "Test City"), "Asia/Shanghai", (121.9, 30.9), (121.0, 30.0, 122.0, 31.0), ("tank",), ""), [pack], clock)
print("ready", flush=True)
for n in range(100_000):
    token = f"{sys.argv[3]}-{n}"
    above = handle.open_case(twin, "tank.spill", "w", note=token).id
    print(token, flush=True)
    below = handle.open_case(twin, "tank.spill", "w", note=token + "c", parent=above).id
    print(token + "c", flush=True)
    handle.act(twin, below, "advance", "w", token + "a", {"to": "close"})
    print(token + "a", flush=True)
"""


def test_what_was_acknowledged_is_there_once_after_kill_9(tank_folder: Path, tmp_path: Path, make_twin: Callable[..., Twin]) -> None:  # fmt: skip
    path = tmp_path / "city.duckdb"
    (tank_folder / "cases.yaml").write_text(KINDS[KINDS.index("  - id: spill") :].partition("\ndecision_tables:")[0].join(["cases:\n", "\n"]), "utf-8")  # fmt: skip
    acknowledged: list[str] = []
    for life, delay in enumerate((0.5, 0.9)):
        worker = subprocess.Popen([sys.executable, "-c", WORKER, str(tank_folder), str(path), str(life)], stdout=subprocess.PIPE, text=True)  # fmt: skip
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        acknowledged.append(worker.stdout.readline().strip())
        time.sleep(delay)  # wall time is the subject: the kill must fall anywhere
        os.kill(worker.pid, signal.SIGKILL)
        acknowledged += [line.strip() for line in worker.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        worker.wait()
        worker.stdout.close()
    twin = make_twin(path=path)
    held = agree(twin)
    notes = Counter(e.note for those in handle.events(twin, list(held)).values() for e in those if e.act in ("open", "advance"))  # fmt: skip
    assert [t for t in acknowledged if notes[t] != 1] == []
    assert len(notes) - len(acknowledged) <= 2  # in each life one may have gone on record and not been told
    assert max(notes.values()) == 1
