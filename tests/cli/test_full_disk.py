"""A served city whose disk fills up, or turns read-only, for real: it says so at every door, answers what it can, loses nothing, and goes on by itself."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
import urllib.error
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..served import Served
from .test_hardship import send
from .test_ordeal import BASE, Row, register, there_in

DOORS = ("json", "keyed", "sta", "sta2", "array", "lines", "arrow", "csv")
MANY = {"json": 3, "keyed": 3, "sta": 1, "sta2": 1, "arrow": 21_000}


def mounted(*words: str) -> None:
    """Mount something, or skip the test where that is not permitted."""
    try:
        done = subprocess.run(["mount", *words], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no command to mount a disk")
    if done.returncode:
        pytest.skip(f"no disk may be mounted here (it takes the superuser): {done.stderr.decode().strip()[:200]}")


class Senders:
    """Sends readings by every door in turn, and remembers which were acknowledged."""

    def __init__(self, served: Served) -> None:
        self.served, self.count = served, 0
        self.streams = dict(zip(DOORS, register(served, len(DOORS)), strict=True))
        self.told: set[Row] = set()
        self.problems: list[dict[str, str]] = []

    def round(self) -> Counter[int]:
        """One request by each door; every answer that is none of success is a clear problem."""
        statuses: Counter[int] = Counter()
        for door in DOORS:
            many = MANY.get(door, 1000)
            rows = [(self.streams[door], BASE + self.count + n, float(self.count + n)) for n in range(many)]
            self.count += many
            status, body, again = send(self.served, door, rows, f"{door}-{self.count}")
            statuses[status] += 1
            if status == 503:
                assert int(again) > 0, (door, body)
                if door not in ("sta", "sta2", "array", "lines"):  # these tell it in words of their own
                    self.problems.append(json.loads(body))
            elif door == "array":
                links = json.loads(body)
                self.told.update(r for r, link in zip(rows, links, strict=True) if not link.startswith("error"))
            else:
                assert status in (201, 204), (door, status, body)
                self.told.update(rows)
        return statuses

    def lost(self, served: Served) -> set[Row]:
        """What was acknowledged and is not there."""
        return self.told - there_in(served, list(self.streams.values()), 0)

    def lost_at_last(self, served: Served) -> set[Row]:
        """The same, of a server that may just be opening its database anew, and says so."""
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(urllib.error.HTTPError):
                return self.lost(served)
            assert time.monotonic() < deadline, "nothing can be read from a disk that may be read"
            time.sleep(0.2)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder for disks, which are taken away in the end."""
    folder = tmp_path / "disk"
    folder.mkdir()
    yield folder
    subprocess.run(["umount", "-l", folder], check=False, capture_output=True)


def test_a_disk_that_fills_up_and_has_room_again(serve: Callable[..., Served], town: str, disk: Path) -> None:
    mounted("-t", "tmpfs", "-o", "size=64m", "tmpfs", str(disk))
    served = serve(disk / "home", "--city", town, "--demo-days", "0", "--memory", "512MB")
    senders = Senders(served)
    assert not set(senders.round()) - {201, 204}
    usage = subprocess.run(["du", "-sm", disk], check=True, capture_output=True, text=True).stdout
    room = int(usage.split()[0]) + 3
    subprocess.run(["mount", "-o", f"remount,size={room}m", disk], check=True)
    refused: Counter[int] = Counter()
    for _ in range(40):
        refused += senders.round()
        if refused[503] >= 9:
            break
    assert refused[503] >= 9, "the disk never filled"
    assert all("disk" in told["hint"] for told in senders.problems), senders.problems
    assert served.get("/api/health")["status"] in ("ok", "degraded")
    assert senders.lost_at_last(served) == set()
    assert served.get("/api/streams?limit=5")["items"]
    subprocess.run(["mount", "-o", "remount,size=300m", disk], check=True)
    deadline = time.monotonic() + 30
    while set(senders.round()) - {201, 204} and time.monotonic() < deadline:
        time.sleep(0.2)  # it may have to notice
    assert not set(senders.round()) - {201, 204}
    assert senders.lost(served) == set()
    assert served.stop() == 0
    again = serve(disk / "home", "--city", town)
    assert senders.lost(again) == set()
    assert again.stop() == 0


def test_a_disk_that_turns_read_only_under_a_served_city(
    serve: Callable[..., Served], town: str, disk: Path, tmp_path: Path
) -> None:
    """As ext4 does after an error. Linux lets it be written again only after it was unmounted: then the city is started again, and all is there."""
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(96 << 20)
    try:
        subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("no file system can be made here (mkfs.ext4)")
    mounted("-o", "loop", str(image), str(disk))
    served = serve(disk / "home", "--city", town, "--demo-days", "0")
    senders = Senders(served)
    assert not set(senders.round()) - {201, 204}
    mounted("-o", "remount,abort", str(disk))
    before = len(senders.told)
    statuses = senders.round() + senders.round()
    assert statuses == {503: 2 * len(DOORS) - 2, 201: 2}  # CreateObservations says for each row that it was not taken
    assert len(senders.told) == before
    assert all("disk" in told["hint"] for told in senders.problems), senders.problems
    assert senders.lost_at_last(served) == set()
    served.stop()
    subprocess.run(["umount", disk], check=True)
    mounted("-o", "loop", str(image), str(disk))
    again = serve(disk / "home", "--city", town)
    senders.served = again
    assert senders.lost(again) == set()
    assert not set(senders.round()) - {201, 204}
    assert senders.lost(again) == set()
    again.stop()


def filled(disk: Path) -> Path:
    """A file that leaves no room on a disk."""
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return filler


def test_a_city_starts_on_a_full_disk_and_can_be_read(serve: Callable[..., Served], town: str, disk: Path) -> None:
    mounted("-t", "tmpfs", "-o", "size=64m", "tmpfs", str(disk))
    served = serve(disk, "--city", town, "--demo-days", "0", "--memory", "512MB")
    senders = Senders(served)
    assert not set(senders.round()) - {201, 204}
    served.stop(signal.SIGKILL)  # with readings in the journal
    filler = filled(disk)
    again = serve(disk, "--city", town, "--memory", "512MB")
    told = again.log.read_text()
    assert "is full: 0.0 MiB are free" in told
    assert "nothing new is recorded until there is room" in told
    senders.served = again
    assert senders.lost_at_last(again) == set()
    before = set(senders.told)
    refused: Counter[int] = Counter()
    for _ in range(40):  # pages that were begun may hold the first few
        refused += senders.round()
        if refused[503] >= 9:
            break
    assert refused[503] >= 9, "there was room for everything"
    assert senders.lost_at_last(again) == set()
    filler.unlink()
    deadline = time.monotonic() + 30
    while set(senders.round()) - {201, 204} and time.monotonic() < deadline:
        time.sleep(0.2)  # it may have to notice
    assert not set(senders.round()) - {201, 204}
    assert again.stop() == 0
    last = serve(disk, "--city", town)
    assert before <= senders.told
    assert senders.lost(last) == set()
    assert last.stop() == 0


def test_what_cannot_be_opened_without_writing_waits_for_room(town: str, disk: Path, tmp_path: Path) -> None:
    mounted("-t", "tmpfs", "-o", "size=64m", "tmpfs", str(disk))
    (disk / "home").mkdir()
    filler = filled(disk)
    log = tmp_path / "log"
    words = ["serve", "--home", str(disk / "home"), "--city", town, "--demo-days", "0", "--port", "0"]

    def told(word: str) -> bool:
        deadline = time.monotonic() + 60
        while word not in log.read_text() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)  # another process gets there
        return word in log.read_text()

    with log.open("w") as out:
        process = subprocess.Popen([sys.executable, "-m", "citytwin", *words], stdout=out, stderr=subprocess.STDOUT)
    try:
        assert told("waiting: the city starts by itself as soon as there is room"), log.read_text()
        assert "make room" in log.read_text()
        assert str(disk / "home") in log.read_text()
        filler.unlink()
        assert told("→ http"), log.read_text()
    finally:
        process.terminate()
        process.wait(60)
