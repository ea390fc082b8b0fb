"""Feeds side by side: one that hangs delays no other, and the end waits for none."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from citytwin.engine.feeds import run
from citytwin.engine.ingest import Intake
from citytwin.engine.twin import Twin
from citytwin.kernel.clock import FixedClock
from citytwin.kernel.errors import NotFound, SourceFailed

T = "title: {zh: 甲, en: A}"
ROW = "stream,time,value\nt1.tank.level,2025-06-30T03:{:02d}:00Z,1.5\n"


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        yield listener


@pytest.fixture
def start(twin: Twin, intake: Intake, home: Path) -> Iterator[Callable[[str], run.Runner]]:
    made: list[run.Runner] = []

    def begin(text: str) -> run.Runner:
        (home / "feeds.yaml").write_text(text, "utf-8")
        made.append(run.Runner(twin, intake, home))
        made[-1].start()
        return made[-1]

    yield begin
    for runner in made:
        runner.close()


def wait_for(what: Callable[[], object], seconds: float = 30.0) -> None:
    """Until it is so: threads take their own time."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def test_a_feed_that_hangs_delays_no_other(
    start: Callable[[str], run.Runner], home: Path, silent: socket.socket
) -> None:
    port = silent.getsockname()[1]
    (home / "in").mkdir()
    runner = start(
        f"""folder:
  - {{id: drop, {T}, folder: in, every_s: 0.1, settle_s: 0}}
pull:
  - {{id: hung, {T}, url: "http://127.0.0.1:{port}/", every_s: 0.1, timeout_s: 20}}
modbus:
  - {{id: mute, {T}, host: 127.0.0.1, port: {port}, every_s: 0.1, timeout_s: 20, streams: [{{stream: t1.tank.level, address: 0, type: int16}}]}}
"""
    )
    wait_for(lambda: runner.state("hung").asking and runner.state("mute").asking)
    for n in range(3):
        (home / "in" / f"{n}.csv").write_text(ROW.format(n))
        wait_for((home / "in" / "done" / f"{n}.csv").exists)
    wait_for(lambda: runner.state("drop").readings == 3)
    assert (runner.state("hung").failures, runner.state("mute").failures) == (0, 0)  # they still wait for their answers
    silent.close()  # and now get none
    wait_for(lambda: runner.state("hung").failures and runner.state("mute").failures)


def test_the_end_does_not_wait_for_a_feed_that_hangs(
    start: Callable[[str], run.Runner], silent: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "LEAVE_S", 0.2)
    url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
    runner = start(f"pull:\n  - {{id: hung, {T}, url: '{url}', every_s: 0.1, timeout_s: 600}}\n")
    wait_for(lambda: runner.state("hung").asking)
    began = time.monotonic()
    runner.close()
    assert time.monotonic() - began < 60  # and not ten minutes
    thread = next(t for t in threading.enumerate() if t.name == "feed-hung")
    silent.close()
    thread.join(30)
    assert not thread.is_alive()


def test_a_feed_is_asked_at_once_when_told_and_by_a_clock_that_jumps_as_before(
    start: Callable[[str], run.Runner], home: Path, clock: FixedClock
) -> None:
    runner = start(f"folder:\n  - {{id: drop, {T}, folder: in, every_s: 3600, settle_s: 0}}\n")
    wait_for(lambda: runner.state("drop").last_success)
    clock.moment -= timedelta(days=400)
    (home / "in" / "a.csv").write_text("stream,time,value\nt1.tank.level,2024-05-01T00:00:00Z,1\n")
    runner.now("drop")
    wait_for(lambda: (home / "in" / "done" / "a.csv").exists())
    told = runner.state("drop")
    assert told.next_run is not None
    assert told.next_run - clock.moment <= timedelta(hours=1)


def test_those_at_fault_stand_still_and_say_so(start: Callable[[str], run.Runner], home: Path) -> None:
    runner = start(
        f"folder:\n  - {{id: bad, {T}, folder: in, unit: furlong}}\n  - {{id: good, {T}, folder: out, every_s: 1}}\n"
    )
    wait_for(lambda: runner.state("good").last_success)
    assert runner.state("bad") == run.State()
    with pytest.raises(SourceFailed) as e:
        runner.now("bad")
    assert "furlong" in e.value.faults[0].message
    with pytest.raises(NotFound):
        runner.now("none")


def test_a_changed_file_is_taken_up_and_what_did_not_change_goes_on(
    start: Callable[[str], run.Runner], home: Path
) -> None:
    same = f"  - {{id: same, {T}, folder: in, every_s: 3600}}\n"
    runner = start(f"folder:\n{same}  - {{id: gone, {T}, folder: a}}\n  - {{id: moved, {T}, folder: b}}\n")
    wait_for(lambda: all(runner.state(id).last_success for id in ("same", "gone", "moved")))
    before = {t.name: t for t in threading.enumerate()}
    (home / "feeds.yaml").write_text(
        f"folder:\n{same}  - {{id: moved, {T}, folder: c}}\n  - {{id: fresh, {T}, folder: d}}\n"
    )
    assert runner.reload().every_fault == ()
    wait_for(lambda: runner.state("moved").last_success and runner.state("fresh").last_success)
    after = {t.name: t for t in threading.enumerate() if t.name.startswith("feed-")}
    assert set(after) == {"feed-same", "feed-moved", "feed-fresh"}
    assert after["feed-same"] is before["feed-same"]
    assert (home / "c" / "done").is_dir()
    (home / "feeds.yaml").write_text("folder: [")  # a slip of the pen is told, and ends none
    assert runner.reload().every_fault[0].code == "YAML"
    assert after["feed-same"].is_alive()
    assert runner.state("fresh").next_run is not None


def test_every_thread_ends_with_the_runner(start: Callable[[str], run.Runner]) -> None:
    runner = start(
        "".join(["folder:\n", *(f"  - {{id: f{n}, {T}, folder: in{n}, every_s: 0.1}}\n" for n in range(20))])
    )
    wait_for(lambda: all(runner.state(f"f{n}").last_success for n in range(20)))
    runner.close()
    assert [t.name for t in threading.enumerate() if t.name.startswith("feed-")] == []


def test_a_trial_records_moves_and_remembers_nothing(
    start: Callable[[str], run.Runner], twin: Twin, home: Path
) -> None:
    (home / "in").mkdir()
    (home / "in" / "a.csv").write_text(ROW.format(1) + "nobody.tank.level,2025-06-30T03:00:00Z,1\n")
    (home / "feeds.yaml").write_text(f"folder: [{{id: drop, {T}, folder: in, settle_s: 0, partial: true}}]\n")
    (trial,) = run.attempt(twin, home, run.read(home, twin), "drop")
    assert (trial.name, trial.accepted, trial.rejected) == ("a.csv", 1, 1)
    assert trial.rows[0]["stream"] == "t1.tank.level"
    assert "nobody" in trial.faults[0].message
    assert (home / "in" / "a.csv").exists()
    assert twin.store.fetch("SELECT count(*) AS n FROM batch")["n"][0].as_py() == 0
    assert twin.store.fetch("SELECT count(*) AS n FROM meta WHERE name LIKE 'feed:%'")["n"][0].as_py() == 0
