"""Kill the process while it sends: at the servers, every event that was put on record arrives, and none under two ids."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from citytwin.engine.notify.run import Notifier
from citytwin.engine.twin import Twin
from citytwin.kernel.city import City
from citytwin.kernel.clock import SystemClock
from citytwin.kernel.title import Title
from citytwin.store.duckdb import DuckStore

from .conftest import PEOPLE, Hall, Post

CITY = City("test", Title("测试市", "Test City"), "Asia/Shanghai", (121.9, 30.9), (121.0, 30.0, 122.0, 31.0), (), "")
CHILD = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from citytwin.engine.notify import outbox
from citytwin.engine.notify.outbox import Letter
from citytwin.engine.notify.run import Notifier
from citytwin.engine.twin import Twin
from citytwin.kernel.clock import SystemClock
from citytwin.store.duckdb import DuckStore
from tests.engine.notify.test_kill import CITY
home, first = Path(sys.argv[1]), int(sys.argv[2])
store = DuckStore(home / "city.duckdb", "Asia/Shanghai", threads=1)
store.define([], {})
twin = Twin(store, CITY, [], SystemClock())
notifier = Notifier(twin, home)
notifier.start()
print("ready", flush=True)
for n in range(first, first + 100_000):
    now = datetime.now(UTC)
    facts = {"title": {"zh": f"{n}", "en": f"{n}"}, "link": "/"}
    letters = [Letter(f"e{n}", "alarm", "high", "王敏", c, now, now, False, facts) for c in ("hook", "mail")]
    outbox.put(store, letters, now)
    notifier.look(False)
    print(n, flush=True)
    time.sleep(0.003)
"""


def test_many_kills_lose_nothing_and_tell_nothing_under_two_ids_against_the_servers(tmp_path: Path, hall: Hall, post: Post) -> None:  # fmt: skip
    hall.answers = [(200, b"", {})]
    (tmp_path / "secret").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    (tmp_path / "notify.yaml").write_text(
        f"{PEOPLE}webhook:\n  - {{id: hook, title: {{zh: 台, en: Hub}}, url: '{hall.url}/in', secret: {{file: secret}}, networks: [127.0.0.1], per_minute: 6000}}\n"
        f"smtp:\n  - {{id: mail, title: {{zh: 邮, en: Mail}}, host: 127.0.0.1, port: {post.port}, security: none, sender: twin@test.cn, per_minute: 6000}}\n",
        "utf-8",
    )
    draw = random.Random(5)
    put = 0
    for _ in range(4):
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path), str(put)], stdout=subprocess.PIPE, text=True)  # fmt: skip
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.stdout.readline()
        time.sleep(draw.uniform(0.02, 0.4))  # wall time is the subject: the kill must fall anywhere
        os.kill(child.pid, signal.SIGKILL)
        lines = [line for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        child.wait()
        child.stdout.close()
        put = int(lines[-1]) + 2 if lines else put + 2
    store = DuckStore(tmp_path / "city.duckdb", "Asia/Shanghai", threads=1)
    store.define([], {})
    notifier = Notifier(Twin(store, CITY, [], SystemClock()), tmp_path)
    try:
        notifier.start()
        for _ in range(1000):
            left = store.fetch("SELECT count(*) AS n FROM outbox_row WHERE state <> 'sent'")["n"][0].as_py()
            if not left:
                break
            time.sleep(0.02)  # its threads send in their own time
        recorded = store.fetch("SELECT DISTINCT event FROM outbox_row")["event"].to_pylist()
    finally:
        notifier.close()
        store.close()
    assert left == 0
    assert len(recorded) > 20
    by_id = {headers["webhook-id"]: body for _, headers, body in hall.posted}
    for _, headers, body in hall.posted:
        assert by_id[headers["webhook-id"]] == body  # what comes twice is the same to the byte
    events = Counter(e["id"] for body in by_id.values() for e in json.loads(body)["data"]["events"])
    assert sum(json.loads(body)["data"]["total"] for body in by_id.values()) == len(recorded)
    assert set(events) <= set(recorded)
    assert set(events.values()) == {1}
    mails = {mail["Message-ID"]: raw for (_, _, mail), raw in zip(post.taken, post.raw, strict=True)}
    for (_, _, mail), raw in zip(post.taken, post.raw, strict=True):
        assert mails[mail["Message-ID"]] == raw
    subjects = {mail["Message-ID"]: str(mail["Subject"]) for _, _, mail in post.taken}
    counts = [re.match(r"测试市：(\d+) 条通知", subject) for subject in subjects.values()]
    assert sum(int(found[1]) if found else 1 for found in counts) == len(recorded)
