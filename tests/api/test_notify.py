"""What there is to read, who is on call, how channels stand, over HTTP; against the outbox and a server that takes messages."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio.from_thread
import pytest

from citytwin.api.house import House
from citytwin.engine.hub import Choice
from citytwin.engine.notify import outbox
from citytwin.engine.notify.outbox import Letter
from citytwin.engine.notify.run import Notifier
from citytwin.kernel.store import Change

from .conftest import NOW, Caller, check_problem

FILE = """\
people:
  - {id: wang, name: 王敏, email: wang@test.cn, mobile: "13800000001", roles: [管理员], quiet: {since: "22:00", until: "07:00"}}
  - {id: li, name: 李强, language: en}
rotas:
  - {id: duty, title: {zh: 值班, en: Duty}, since: 2026-03-02, shifts: [{at: "08:30", people: [wang, li]}]}
wecom:
  - {id: room, title: {zh: 群, en: Room}, token: {file: token}, url: "URL/send?key={token}", networks: [127.0.0.1]}
routes:
  - {id: hot, what: [alarm], to: {people: [wang]}, via: [in_app, room]}
"""


@pytest.fixture
def told() -> Iterator[list[Any]]:
    """What the robot's server was posted; the first entry is its address, and `said` its answer."""
    posted: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(
                b'{"errcode":0}' if len(posted) != 3 else b'{"errcode":93000,"errmsg":"invalid webhook url"}'
            )

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    posted.append(f"http://127.0.0.1:{server.server_address[1]}")
    yield posted
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def desk(own_house: House, portal: anyio.from_thread.BlockingPortal, told: list[Any], tmp_path: Path) -> tuple[Caller, House]:  # fmt: skip
    (tmp_path / "token").write_text("word-of-the-robot")
    (tmp_path / "notify.yaml").write_text(FILE.replace("URL", told[0]), "utf-8")
    own_house.notifier = Notifier(own_house.twin, tmp_path, told=own_house.hub.tell_people)
    assert not own_house.notifier.declared.faults
    return Caller(own_house, portal), own_house


def letters(house: House, people: list[str], n: int, first: int = 0) -> None:
    facts = {"title": {"zh": "过热", "en": "Hot"}, "place": {"zh": "1号灯", "en": "Lamp 1"}, "value": 40.0, "limit": 30.0, "unit": "degC", "link": "/alarms/a1"}  # fmt: skip
    made = [Letter(f"e{first + k}", "alarm", "critical" if k == 0 else "low", p, "in_app", NOW, NOW, False, facts) for k in range(n) for p in people]  # fmt: skip
    outbox.put(house.twin.store, made, NOW)


def test_reading_and_marking_against_the_outbox(desk: tuple[Caller, House]) -> None:
    client, house = desk
    letters(house, ["王敏", "李强", "*"], 3)

    def unread(who: str) -> Any:
        return client.get(f"/api/notifications/unread?person={who}").json()

    assert unread("王敏") == {"unread": 6, "critical": 2, "newest": 9}
    first = client.get("/api/notifications?person=王敏&limit=4").json()
    rest = client.get(f"/api/notifications?person=王敏&limit=4&cursor={first['next']}").json()
    assert (first["total"], len(first["items"]), len(rest["items"]), rest["next"]) == (6, 4, 2, None)
    ids = [i["id"] for i in first["items"] + rest["items"]]
    assert len(set(ids)) == 6
    top = first["items"][0]
    assert top["title"] == {"zh": "告警：过热 · 1号灯", "en": "Alarm: Hot · Lamp 1"}
    assert [{"zh": "数值", "en": "Value"}, {"zh": "40 degC（限值 30 degC）", "en": "40 degC (limit 30 degC)"}] in top[
        "lines"
    ]
    assert (top["link"], top["read"]) == ("/alarms/a1", False)
    of_li = client.get("/api/notifications?person=李强").json()["items"]
    own = next(i["id"] for i in of_li if not i["everybody"])
    told = client.post("/api/notifications/read", json={"person": "王敏", "ids": [ids[0], ids[0], own]})
    assert told.json()["unread"] == 5  # what is another's is not read by it
    assert client.post("/api/notifications/read", json={"person": "王敏", "ids": [ids[0]]}).json()["unread"] == 5
    assert unread("李强")["unread"] == 6
    letters(house, ["*"], 1, first=50)  # came after what was shown
    assert client.post("/api/notifications/read-all", json={"person": "王敏", "newest": 9}).json()["unread"] == 1
    left = client.get("/api/notifications?person=王敏&unread=true").json()
    assert (left["total"], left["items"][0]["everybody"]) == (1, True)
    assert client.get("/api/notifications?person=王敏&level=critical").json()["total"] == 3
    check_problem(client.get("/api/notifications"), 400, "bad_request")


def test_who_is_on_call_and_how_channels_stand_against_the_file(desk: tuple[Caller, House], told: list[Any]) -> None:
    client, _house = desk
    setup = client.get("/api/notify").json()
    (rota,) = setup["rotas"]
    assert rota["now"] == {"person": "李强", "since": "2026-03-09T00:30:00Z", "until": "2026-03-16T00:30:00Z"}
    assert [d["person"] for d in rota["next"]] == ["王敏", "李强", "王敏"]
    assert setup["people"][0]["ways"] == ["in_app", "email", "mobile"]
    assert "13800000001" not in json.dumps(setup)
    assert "word-of-the-robot" not in json.dumps(setup)
    assert setup["channels"][0]["state"] == "ready"
    assert client.post("/api/notify/channels/room/test", json={"person": "王敏"}).json() == {
        "channel": "room",
        "person": "王敏",
    }
    assert "测试" in json.dumps(told[1], ensure_ascii=False)
    problem = check_problem(
        client.post("/api/notify/channels/room/test", json={"person": "王敏"}), 502, "source_failed"
    )
    assert "93000 invalid webhook url" in problem["detail"]
    check_problem(client.post("/api/notify/channels/none/test", json={"person": "王敏"}), 404, "not_found")
    assert client.get("/api/notify.faults").json()["faults"] == []
    assert client.post("/api/notify.reload", json={}).json()["routes"] == 1


def test_the_outbox_shows_what_failed_and_sends_it_again_against_the_robot(desk: tuple[Caller, House], told: list[Any]) -> None:  # fmt: skip
    client, house = desk
    assert house.notifier is not None
    told += [None]  # so that the second message is the third entry, which its server refuses
    outbox.put(house.twin.store, [Letter("e1", "alarm", "high", "王敏", "room", NOW, NOW, False, {"title": {"zh": "过热", "en": "Hot"}})], NOW)  # fmt: skip
    sender = house.notifier._worker("room").sender
    sender.once()
    (row,) = client.get("/api/outbox?state=trouble").json()["items"]
    assert (row["state"], row["tries"], row["error"]) == ("due", 1, "code 93000 invalid webhook url")
    channel = client.get("/api/notify").json()["channels"][0]
    assert (channel["state"], channel["waiting"]) == ("failing", 1)
    client.post("/api/notify/channels/room/hurry", json={})
    sender.once()
    assert client.get("/api/outbox").json()["items"][0]["state"] == "sent"
    assert client.get("/api/outbox?state=trouble").json()["total"] == 0
    check_problem(client.post("/api/outbox/none/again", json={}), 404, "not_found")


def test_listeners_hear_for_whom_there_is_news_against_the_letters(desk: tuple[Caller, House]) -> None:
    _, house = desk
    assert house.notifier is not None
    heard: list[Any] = []
    listener = house.hub.listen(Choice(), lambda: None, lambda: heard.append(listener.take_people()), readings=False)
    house.notifier.look()
    sql = "INSERT INTO alarm_event SELECT max(n) + 1, any_value(alarm), any_value(rule), any_value(asset_id), $now, '', 'active', '', '' FROM alarm_event"
    house.twin.store.commit(Change(sql, {"now": NOW}))
    house.notifier.look()
    assert heard == [frozenset({"王敏"})]


def test_a_city_that_tells_nobody_says_so_against_its_house(client: Caller) -> None:
    check_problem(client.get("/api/notify"), 404, "not_found")
    assert client.get("/api/notifications?person=x").json()["items"] == []
