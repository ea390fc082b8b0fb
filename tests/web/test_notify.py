"""From an alarm to the bell of whoever is on call, and a robot that says no until it is mended; against what the robot's server took."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ..served import Served
from .conftest import Visit, wait_for

pytestmark = pytest.mark.browser
UNREAD = "/api/notifications/unread?person=%E7%8E%8B%E6%95%8F"

FILE = """\
people:
  - {id: wang, name: 王敏, roles: [值班长], wecom: wangmin}
rotas:
  - {id: duty, title: {zh: 路灯值班, en: Lamp duty}, since: 2020-01-06, shifts: [{at: "08:30", people: [wang]}]}
wecom:
  - {id: room, title: {zh: 值班群, en: Duty room}, token: {file: robot.token}, url: "URL/send?key={token}", networks: [127.0.0.1]}
routes:
  - {id: all_alarms, what: [alarm], to: {on_call: [duty]}, via: [in_app, room], wakes: [critical, high, medium, low]}
"""


def test_an_alarm_rings_the_bell_and_a_robot_is_mended(visit: Visit, tiny: Served) -> None:
    posted: list[Any] = []
    answers = [b'{"errcode":93000,"errmsg":"invalid webhook url"}']

    class Robot(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answers[0])

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Robot)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    home = Path(tiny.get("/api/notify.faults")["file"]).parent
    try:
        (home / "robot.token").write_text("word-of-the-robot")
        (home / "notify.yaml").write_text(FILE.replace("URL", f"http://127.0.0.1:{server.server_address[1]}"), "utf-8")
        status, told = tiny.post("/api/notify.reload", b"{}")
        assert (status, told["faults"]) == (200, [])
        visit.go("/notifications")
        visit.see("person").fill("王敏")
        visit.see("bell-count").wait_for(state="hidden")
        dark(tiny, "lamp-bell")
        visit.see("bell-count").wait_for()  # by itself: nobody asked again
        line = visit.page.locator("[data-testid='notification'][data-read='false']", has_text="坏灯").first
        line.wait_for()
        assert "告警" in line.inner_text()
        line.get_by_test_id("mark-read").click()
        wait_for(lambda: visit.page.locator("[data-testid='notification']", has_text="坏灯").count() == 0)
        if tiny.get(UNREAD)["unread"]:  # the demo has lamps that fail, too
            visit.see("mark-all-read").click()
        visit.see("bell-count").wait_for(state="detached")
        assert tiny.get(UNREAD)["unread"] == 0
        visit.go("/notify")
        assert "王敏" in visit.see("on-call").inner_text()
        assert "93000 invalid webhook url" in visit.see("channel-error").inner_text()
        assert "坏灯" in visit.see("sendings").inner_text()
        answers[0] = b'{"errcode":0,"errmsg":"ok"}'
        visit.see("channel-hurry").click()
        visit.page.locator("[data-testid='channel'][data-state='well']").wait_for()
        assert any("坏灯" in json.dumps(m, ensure_ascii=False) and "<@wangmin>" in m["markdown"]["content"] for m in posted)
        visit.see("channel-test").click()
        visit.see("channel-took").wait_for()
        visit.see("language").click()
        visit.page.get_by_text("On call now").wait_for()
        assert visit.faults == []
    finally:
        (home / "notify.yaml").unlink(missing_ok=True)
        tiny.post("/api/notify.reload", b"{}")
        server.shutdown()
        thread.join()
        server.server_close()


def dark(city: Served, lamp: str) -> None:
    """Let a lamp that the demo knows nothing of stay dark for half an hour."""
    asset = {
        "id": lamp, "type": "hello.lamp", "title": {"zh": "坏灯", "en": "Broken lamp"}, "geometry": {"type": "Point", "coordinates": [121.93, 30.90]},
        "attributes": {"rated_power": 100, "least_light": 8},
    }  # fmt: skip
    status, told = city.post("/api/assets", json.dumps({"assets": [asset]}).encode())
    assert status == 200, told
    times = [(datetime.now(UTC) - timedelta(minutes=ago)).isoformat() for ago in (60, 30, 1)]
    readings = [{"stream": f"{lamp}.hello.light", "time": at, "value": 0.3} for at in times]
    status, told = city.post("/api/observations", json.dumps(readings).encode())
    assert status == 201, told
    wait_for(lambda: city.get(f"/api/alarms?state=active&asset={lamp}")["items"])
