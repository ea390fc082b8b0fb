"""What is told goes out once, whatever happens to the target, to us, or to the clock. Counts are taken where it arrives."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from citytwin.engine import handle, hold
from citytwin.engine.feeds.run import Runner
from citytwin.engine.ingest import Intake
from citytwin.engine.notify import outbox, run, send
from citytwin.engine.notify.gather import News
from citytwin.engine.notify.outbox import Letter
from citytwin.engine.twin import Twin
from citytwin.engine.watch import watch
from citytwin.kernel.errors import NotFound, StoreBusy
from citytwin.kernel.store import Arrival, Change

from ...conftest import NOW
from .conftest import Hall, Office, Post

HOOK = "webhook:\n  - {{id: hook, title: {{zh: 平台, en: Hub}}, url: '{url}/in', secret: {{env: HOOK_SECRET}}, networks: [127.0.0.1/32]}}\n"
MAIL = "smtp:\n  - {{id: mail, title: {{zh: 邮件, en: Mail}}, host: 127.0.0.1, port: {port}, security: none, sender: twin@test.cn}}\n"


def route(what: str, to: str, via: str, more: str = "") -> str:
    return f"routes:\n  - {{id: route, what: [{what}], to: {{{to}}}, via: [{via}]{more}}}\n"


def overfull(twin: Twin, readings: Callable[..., pa.Table], tank: str, at: datetime, value: float = 5.0) -> None:
    """Let a tank run over for a quarter of an hour, and judge it."""
    rows = readings(f"{tank}.tank.level", at - timedelta(minutes=20), [value] * 5)
    rows = rows.append_column("quality", pa.array([1] * 5, pa.int8()))
    twin.store.record([Arrival(rows)])
    watch(twin, twin.clock.now())


def letters(n: int, channel: str, at: datetime, person: str = "王敏", level: Any = "high") -> list[Letter]:
    facts = {"title": {"zh": "过满", "en": "Overfull"}, "link": "/alarms"}
    return [Letter(f"e{k}", "alarm", level, person, channel, at, at, False, {**facts, "value": float(k)}) for k in range(n)]  # fmt: skip


def test_an_alarm_reaches_mailbox_webhook_and_app_against_what_the_servers_took(office: Callable[..., Office], hall: Hall, post: Post, readings: Callable[..., pa.Table]) -> None:  # fmt: skip
    there = office(HOOK.format(url=hall.url) + MAIL.format(port=post.port) + route("alarm, alarm_ended", "people: [wang, alex]", "in_app, mail, hook"))  # fmt: skip
    there.step()
    overfull(there.twin, readings, "t1", NOW)
    for _ in range(3):  # looking twice tells nothing twice
        there.step("mail", "hook")
    assert sorted((s, r) for s, r, _ in post.taken) == [("twin@test.cn", "alex@test.cn"), ("twin@test.cn", "wang@test.cn")]  # fmt: skip
    by = {reader: mail for _, reader, mail in post.taken}
    assert by["wang@test.cn"]["Subject"] == "【高】告警：过满 · 1号水箱"
    assert by["alex@test.cn"]["Subject"] == "[High] Alarm: Overfull · Tank 1"
    plain = by["wang@test.cn"].get_body(("plain",))
    assert plain is not None
    assert "数值：5 m（限值 4 m）" in plain.get_content()
    (body,) = hall.bodies()
    assert body["type"] == "alarm"
    assert body["data"]["people"] == ["Alex", "王敏"]
    assert body["data"]["events"][0]["value"] == 5.0
    assert sorted((r["person"], r["channel"], r["state"]) for r in there.rows()) == sorted((p, c, "sent") for p in ("Alex", "王敏") for c in ("in_app", "mail", "hook"))  # fmt: skip
    there.later(minutes=10)
    overfull(there.twin, readings, "t1", there.clock.now(), 1.0)
    there.step("mail", "hook")
    assert [b["type"] for b in hall.bodies()] == ["alarm", "alarm_ended"]
    assert len(post.taken) == 4


def test_a_target_that_is_down_for_a_day_gets_one_message_of_all_against_the_events(office: Callable[..., Office], hall: Hall) -> None:  # fmt: skip
    there = office(HOOK.format(url=hall.url) + route("alarm", "people: [wang]", "hook"))
    hall.answers = [(503, b"closed", {})]
    told = 0
    for _ in range(24):  # a day in hours, 84 events in each
        outbox.put(there.twin.store, [Letter(f"e{told + k}", "alarm", "high", "王敏", "hook", there.clock.now(), there.clock.now(), False, {"title": {"zh": "满", "en": "Full"}}) for k in range(84)], there.clock.now())  # fmt: skip
        told += 84
        for _ in range(3):  # it is left alone, however often somebody looks
            there.sender("hook").once()
        there.later(hours=1)
    assert len(hall.posted) == 24
    hall.posted.clear()
    hall.answers = [(200, b"", {})]
    there.later(minutes=30)
    there.sender("hook").once()
    there.sender("hook").once()
    (body,) = hall.bodies()
    assert body["type"] == "digest"
    assert body["data"]["total"] == told == 2016
    assert body["data"]["away_since"] == NOW.isoformat()
    assert len(body["data"]["events"]) <= outbox.SHOWN
    assert {r["state"] for r in there.rows()} == {"sent"}


def test_a_test_message_goes_out_by_every_kind_against_the_servers(office: Callable[..., Office], hall: Hall, post: Post) -> None:  # fmt: skip
    robots = "".join(f"{kind}:\n  - {{id: {kind}_room, title: {{zh: 群, en: Room}}, token: {{env: ROBOT_TOKEN}}, url: '{hall.url}/{{token}}', networks: [127.0.0.1]}}\n" for kind in ("wecom", "dingtalk", "feishu"))  # fmt: skip
    there = office(HOOK.format(url=hall.url) + MAIL.format(port=post.port) + robots + route("alarm", "people: [wang]", "hook"))  # fmt: skip
    for channel in there.notifier.states():
        there.notifier.try_out(channel, "alex")
    assert [(reader, mail["Subject"]) for _, reader, mail in post.taken] == [("alex@test.cn", "Test City · Test")]
    assert hall.bodies()[0]["type"] == "test"
    assert len(hall.posted) == 4
    assert all("测试" in json.dumps(body, ensure_ascii=False) for body in hall.bodies())
    with pytest.raises(NotFound, match="no mail address"):
        there.notifier.try_out("mail", "刘洋")
    there.sender("wecom_room").times.extend([there.sender("wecom_room").monotonic()] * 20)
    with pytest.raises(StoreBusy):
        there.notifier.try_out("wecom_room", "王敏")


def test_much_at_once_and_what_failed_before_come_as_one_against_the_server(office: Callable[..., Office], hall: Hall) -> None:  # fmt: skip
    there = office(HOOK.format(url=hall.url) + route("alarm", "people: [wang]", "hook"))
    outbox.put(there.twin.store, letters(outbox.AT_ONCE, "hook", NOW), NOW)
    there.step("hook")
    assert [b["type"] for b in hall.bodies()] == ["alarm"] * outbox.AT_ONCE
    outbox.put(there.twin.store, letters(2 * outbox.AT_ONCE + 1, "hook", NOW), NOW)
    there.step("hook")
    assert [(b["type"], b["data"]["total"]) for b in hall.bodies()[outbox.AT_ONCE :]] == [
        ("digest", outbox.AT_ONCE + 1)
    ]
    hall.posted.clear()
    hall.answers = [(503, b"", {}), (200, b"", {})]
    later = [replace(letter, event=f"late {letter.event}") for letter in letters(2, "hook", NOW)]
    outbox.put(there.twin.store, later[:1], NOW)
    there.step("hook")
    outbox.put(there.twin.store, later[1:], NOW)
    there.later(minutes=1)
    there.step("hook")
    assert [(b["type"], b["data"]["total"]) for b in hall.bodies()] == [("alarm", 1), ("digest", 2)]


def test_what_is_in_doubt_goes_out_again_as_the_same_message_against_its_bytes(office: Callable[..., Office], post: Post, hall: Hall) -> None:  # fmt: skip
    there = office(HOOK.format(url=hall.url) + MAIL.format(port=post.port) + route("alarm", "people: [wang]", "mail"))
    outbox.put(there.twin.store, [*letters(3, "mail", NOW), *letters(1, "hook", NOW)], NOW)
    post.deaf = hall.mute = True
    there.step("mail", "hook")
    there.later(minutes=1)
    outbox.put(
        there.twin.store, [*letters(9, "mail", there.clock.now())[3:]], there.clock.now()
    )  # what came meanwhile is none of its business
    post.deaf = hall.mute = False
    for _ in range(3):
        there.step("mail", "hook")
    assert post.raw[0] == post.raw[1]
    ids = [m["Message-ID"] for _, _, m in post.taken]
    assert len(ids) == len(set(ids)) + 1
    assert hall.posted[0][1]["webhook-id"] == hall.posted[1][1]["webhook-id"]
    assert hall.posted[0][2] == hall.posted[1][2]
    assert {r["state"] for r in there.rows()} == {"sent"}


def test_a_channel_that_leaves_doubts_alone_sends_nothing_twice_against_the_server(office: Callable[..., Office], hall: Hall) -> None:  # fmt: skip
    text = HOOK.format(url=hall.url).replace("networks:", "in_doubt: leave, networks:")
    there = office(text + route("alarm", "people: [wang]", "hook"))
    outbox.put(there.twin.store, letters(1, "hook", NOW), NOW)
    hall.mute = True
    there.step("hook")
    hall.mute = False
    there.later(hours=2)
    there.step("hook")
    assert len(hall.posted) == 1
    assert [r["state"] for r in there.rows()] == ["in_doubt"]
    there.notifier.again(there.rows()[0]["id"])  # a person decides
    there.step("hook")
    assert len(hall.posted) == 2
    assert [r["state"] for r in there.rows()] == ["sent"]


def test_a_mailbox_that_is_not_there_keeps_nobody_else_waiting_against_the_server(office: Callable[..., Office], post: Post) -> None:  # fmt: skip
    there = office(MAIL.format(port=post.port) + route("alarm", "people: [wang]", "mail"))
    post.refuse = {"wang@test.cn": "550 no such user", "li@test.cn": "450 mailbox is busy"}
    for person in ("王敏", "李强", "Alex"):
        outbox.put(there.twin.store, letters(1, "mail", NOW, person), NOW)
    there.step("mail")
    assert [r for _, r, _ in post.taken] == ["alex@test.cn"]
    assert {r["person"]: r["state"] for r in there.rows()} == {"王敏": "failed", "李强": "due", "Alex": "sent"}
    assert "550 no such user" in there.rows("state = 'failed'")[0]["error"]
    post.refuse = {}
    there.later(minutes=1)
    there.step("mail")
    assert [r for _, r, _ in post.taken] == [
        "alex@test.cn",
        "li@test.cn",
    ]  # what was refused for good is not tried by itself


def test_what_no_target_takes_for_a_week_is_given_up_against_its_state(office: Callable[..., Office], hall: Hall) -> None:  # fmt: skip
    there = office(HOOK.format(url=hall.url) + route("alarm", "people: [wang]", "hook"))
    hall.answers = [(500, b"", {})]
    outbox.put(there.twin.store, letters(1, "hook", NOW), NOW)
    there.step("hook")
    there.later(days=7, minutes=1)
    there.step("hook")
    assert [r["state"] for r in there.rows()] == ["given_up"]
    n = len(hall.posted)
    there.later(days=1)
    there.step("hook")
    assert len(hall.posted) == n


def test_retry_after_and_the_rates_of_platforms_are_kept_against_what_arrived(office: Callable[..., Office], hall: Hall) -> None:  # fmt: skip
    robot = f"wecom:\n  - {{id: room, title: {{zh: 群, en: Room}}, token: {{env: ROBOT_TOKEN}}, url: '{hall.url}/send?key={{token}}', networks: [127.0.0.1/32]}}\n"
    there = office(robot + HOOK.format(url=hall.url) + route("alarm", "people: [wang]", "hook"))
    hall.answers = [(429, b"", {"Retry-After": "7200"}), (200, b"", {})]
    outbox.put(there.twin.store, letters(1, "hook", NOW), NOW)
    there.step("hook")
    there.later(minutes=119)
    there.step("hook")
    assert len(hall.posted) == 1
    there.later(minutes=1)
    there.step("hook")
    assert len(hall.posted) == 2
    hall.posted.clear()
    hall.answers = [(200, b'{"errcode":0,"errmsg":"ok"}', {})]
    sender, at = there.sender("room"), [0.0]
    sender.monotonic = lambda: at[0]
    for k in range(26):  # one each second: the platform takes twenty a minute
        facts = {"title": {"zh": f"{k}", "en": f"{k}"}}
        outbox.put(there.twin.store, [Letter(f"w{k}", "alarm", "low", "王敏", "room", there.clock.now(), there.clock.now(), False, facts)], there.clock.now())  # fmt: skip
        sender.once()
        at[0] += 1.0
    assert len(hall.posted) == 20
    at[0] = 61.0
    sender.once()
    assert len(hall.posted) == 21  # the six that piled up are one
    assert {r["state"] for r in there.rows("channel = 'room'")} == {"sent"}


def test_quiet_hours_hold_back_all_but_the_critical_against_the_clock(office: Callable[..., Office], post: Post) -> None:  # fmt: skip
    there = office(MAIL.format(port=post.port) + route("alarm", "people: [li]", "mail"))
    there.clock.moment = datetime.fromisoformat("2025-06-30T23:30:00+08:00")
    for level in ("high", "critical"):
        news = News(f"x:{level}", "alarm", level, there.clock.now(), {"title": {"zh": level, "en": level}})  # type: ignore[arg-type]  # a level
        outbox.put(there.twin.store, there.notifier.gatherer.letters(news, there.clock.now()), there.clock.now())
    there.step("mail")
    assert [m["Subject"][:4] for _, _, m in post.taken] == ["【紧急】"]
    there.clock.moment = datetime.fromisoformat("2025-07-01T06:59:00+08:00")
    there.step("mail")
    assert len(post.taken) == 1
    there.later(minutes=1)
    there.step("mail")
    assert [m["Subject"][:3] for _, _, m in post.taken[1:]] == ["【高】"]


def test_a_digest_of_the_day_is_one_mail_at_half_past_eight_against_the_clock(office: Callable[..., Office], post: Post, readings: Callable[..., pa.Table]) -> None:  # fmt: skip
    there = office(MAIL.format(port=post.port) + route("alarm", "people: [wang]", "mail", ", digest: daily, daily_at: '08:30'"))  # fmt: skip
    there.step()
    for tank in ("t1", "t2"):
        overfull(there.twin, readings, tank, there.clock.now())
        there.step("mail")
        there.later(hours=1)
    assert post.taken == []
    there.clock.moment = datetime.fromisoformat("2025-07-01T08:29:00+08:00")
    there.step("mail")
    assert post.taken == []
    there.later(minutes=1)
    there.step("mail")
    ((_, _, mail),) = post.taken
    assert mail["Subject"] == "测试市：2 条通知（高 2）"


def test_cases_tell_whom_they_concern_against_the_people_declared(office: Callable[..., Office]) -> None:
    what = "case_opened, case_assigned, case_moved, case_returned, case_waiting, case_closed, case_late"
    there = office(route(what, "concerned: true", "in_app"))
    held = handle.open_case(there.twin, "tank.spill", "李强", asset="t1")
    handle.act(there.twin, held.id, "assign", "李强", body={"to": "刘洋"})  # nobody declared: found by the name alone
    handle.act(there.twin, held.id, "wait", "刘洋", "等材料")
    handle.act(there.twin, held.id, "resume", "刘洋")
    handle.advance(there.twin, held.id, "close", "刘洋")
    there.step()
    there.step()
    assert [(r["what"], r["person"]) for r in there.rows()] == [
        ("case_opened", "王敏"),
        ("case_assigned", "刘洋"),
        ("case_waiting", "刘洋"),
        ("case_moved", "刘洋"),
        ("case_closed", "李强"),
    ]


def test_a_case_that_is_late_is_told_once_and_on_its_record_against_its_events(office: Callable[..., Office]) -> None:
    there = office(route("case_late", "concerned: true", "in_app"))
    held = handle.open_case(there.twin, "tank.spill", "李强", asset="t1")
    there.later(days=4)
    there.step()
    there.step()
    assert [(r["what"], r["person"], r["level"]) for r in there.rows()] == [("case_late", "王敏", "high")]
    assert [e["act"] for e in handle.history(there.twin, held.id)] == ["open", "notify"]
    assert handle.notices(there.twin, there.clock.now()) == []


def test_a_notice_is_given_once_though_we_end_before_it_is_on_the_case_against_the_outbox(office: Callable[..., Office], monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    there = office(route("case_late", "concerned: true", "in_app"))
    handle.open_case(there.twin, "tank.spill", "李强", asset="t1")
    there.later(days=4)

    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(handle, "told", crash)
        with pytest.raises(KeyboardInterrupt):
            there.step()
    assert len(there.rows()) == 1
    there.step()
    assert len(there.rows()) == 1
    assert handle.notices(there.twin, there.clock.now()) == []


def test_what_stands_is_told_when_it_begins_and_ends_however_often_we_start_against_the_app(office: Callable[..., Office], hall: Hall) -> None:  # fmt: skip
    text = HOOK.format(url=hall.url) + route(
        "channel_failing, channel_back, target_missed", "everybody: true", "in_app"
    )
    there = office(text)
    target = (
        "INSERT INTO target_progress_row (target, plan, as_of, status) VALUES ('p.x', 'p', DATE '2025-06-29', 'missed')"
    )
    there.twin.store.commit(Change(target))  # a target that no plan has any more is passed over
    hall.answers = [(503, b"", {})]
    outbox.put(there.twin.store, letters(1, "hook", NOW), NOW)
    for _ in range(4):
        there.step("hook")
        there.later(hours=1)
    there.step()
    assert [(r["what"], r["person"]) for r in there.rows("channel = 'in_app'")] == [("channel_failing", "*")]
    second = office(text, there.twin)
    second.step()  # not used yet since the start: nothing is known of it
    second.sender("hook").once()
    assert len(second.rows("channel = 'in_app'")) == 1
    hall.answers = [(200, b"", {})]
    second.later(hours=1)
    second.step("hook")
    second.step()
    second.step()
    assert [r["what"] for r in second.rows("channel = 'in_app'")] == ["channel_failing", "channel_back"]


def test_a_feed_that_brings_nothing_is_told_after_a_while_against_its_state(office: Callable[..., Office], make_twin: Callable[..., Twin], tmp_path: Path) -> None:  # fmt: skip
    feeds = tmp_path / "feeds"
    feeds.mkdir()
    (feeds / "feeds.yaml").write_text("pull: [{id: web, title: {zh: 接口, en: Service}, url: 'http://127.0.0.1:1/x', every_s: 60, form: csv}]\n", "utf-8")  # fmt: skip
    there = office(route("feed_failing, feed_back", "everybody: true", "in_app"))
    intake = Intake(there.twin)
    runner = Runner(there.twin, intake, feeds)
    try:
        assert runner.declared.every_fault == ()
        there.notifier.gatherer.feeds = runner
        runner._workers["web"]._once()  # nobody listens there
        there.step()
        assert there.rows() == []
        there.later(minutes=16)
        there.step()
        there.step()
        (row,) = there.rows()
        assert (row["what"], row["level"]) == ("feed_failing", "high")
        assert '"link":"/feeds/web"' in row["facts"]
        with runner._workers["web"]._turn:
            runner._workers["web"]._state = replace(runner.state("web"), failures=0, last_success=there.clock.now())
        there.step()
        assert [r["what"] for r in there.rows()] == ["feed_failing", "feed_back"]
    finally:
        runner.close()
        intake.close()


def test_an_alarm_that_nobody_answers_is_told_to_the_next_against_its_acknowledgement(office: Callable[..., Office], readings: Callable[..., pa.Table]) -> None:  # fmt: skip
    twice = "routes:\n  - {id: next, what: [alarm_unanswered], to: {people: [wang]}, after_min: 10}\n  - {id: head, what: [alarm_unanswered], to: {people: [li]}, after_min: 30}\n"
    there = office(twice)
    overfull(there.twin, readings, "t1", NOW)
    overfull(there.twin, readings, "t2", NOW)
    there.step()
    assert there.rows() == []
    there.later(minutes=10)
    there.step()
    there.step()
    assert [r["person"] for r in there.rows()] == ["王敏", "王敏"]
    alarm = there.twin.store.fetch("SELECT alarm FROM alarm WHERE asset_id = 't1' AND rule = 'tank.overfull'")["alarm"][0].as_py()  # fmt: skip
    hold.acknowledge(there.twin, alarm, "王敏")
    there.later(minutes=20)
    there.step()
    assert [r["person"] for r in there.rows()] == ["王敏", "王敏", "李强"]
    assert "2号水箱" in there.rows()[2]["facts"]


def test_a_clock_that_is_set_back_does_not_silence_a_channel_against_the_server(office: Callable[..., Office], hall: Hall) -> None:  # fmt: skip
    there = office(HOOK.format(url=hall.url) + route("alarm", "people: [wang]", "hook"))
    hall.answers = [(503, b"", {}), (200, b"", {})]
    outbox.put(there.twin.store, letters(1, "hook", NOW - timedelta(days=2)), NOW - timedelta(days=2))
    there.step("hook")
    there.later(days=-1)
    outbox.put(there.twin.store, letters(2, "hook", there.clock.now()), there.clock.now())
    there.step("hook")
    assert len(hall.posted) == 2


def test_whom_nobody_can_reach_is_not_passed_over_against_the_app(office: Callable[..., Office], post: Post, readings: Callable[..., pa.Table]) -> None:  # fmt: skip
    rota = "rotas:\n  - {id: duty, title: {zh: 值班, en: Duty}, since: 2026-01-05, shifts: [{at: '08:30', people: [wang]}]}\n"
    there = office(
        MAIL.format(port=post.port) + rota + route("alarm", "on_call: [duty]", "mail")
    )  # the rota begins next year
    there.step()
    overfull(there.twin, readings, "t1", NOW)
    there.step("mail")
    assert [(r["person"], r["channel"]) for r in there.rows()] == [("*", "in_app")]
    assert '"unsent":"nobody"' in there.rows()[0]["facts"]


def test_each_is_told_by_a_way_that_reaches_them_against_the_letters(office: Callable[..., Office], post: Post) -> None:  # fmt: skip
    there = office(MAIL.format(port=post.port) + HOOK.format(url="http://127.0.0.1:9") + route("case_assigned", "concerned: true, people: [wang]", "in_app, mail"))  # fmt: skip
    held = handle.open_case(there.twin, "tank.spill", "李强", asset="t1")
    handle.act(there.twin, held.id, "assign", "李强", body={"to": "刘洋"})  # who has no address anywhere
    there.step("mail")
    told = {(r["person"], r["channel"]): r for r in there.rows()}
    assert sorted(told) == [("刘洋", "in_app"), ("王敏", "in_app"), ("王敏", "mail")]
    assert '"unsent":"mail"' in told["刘洋", "in_app"]["facts"]
    assert "unsent" not in told["王敏", "in_app"]["facts"]
    assert [reader for _, reader, _ in post.taken] == ["wang@test.cn"]
    news = News("x", "alarm", "high", NOW, {"title": {"zh": "满", "en": "Full"}})
    for to, via, wanted in (
        (
            "everybody: true",
            "in_app, mail, hook",
            [("*", "hook"), ("*", "in_app"), ("Alex", "mail"), ("李强", "mail"), ("王敏", "mail")],
        ),
        ("everybody: true, people: [wang]", "in_app, hook", [("*", "hook"), ("*", "in_app"), ("王敏", "hook")]),
        ("concerned: true", "hook", [("*", "hook")]),
        ("concerned: true", "mail", [("*", "in_app")]),
    ):
        text = MAIL.format(port=post.port) + HOOK.format(url="http://127.0.0.1:9") + route("alarm", to, via)
        found = office(text, there.twin).notifier.gatherer.letters(news, NOW)
        assert sorted((x.person, x.channel) for x in found) == wanted, to


def test_a_restart_tells_what_happened_meanwhile_and_nothing_again_against_the_server(office: Callable[..., Office], hall: Hall, readings: Callable[..., pa.Table]) -> None:  # fmt: skip
    text = HOOK.format(url=hall.url) + route("alarm", "people: [wang]", "hook")
    first = office(text)
    first.step("hook")
    overfull(first.twin, readings, "t1", NOW)
    first.step("hook")
    assert len(hall.posted) == 1
    overfull(first.twin, readings, "t2", NOW)  # judged, and then the server ends
    second = office(text, first.twin)
    second.step("hook")
    second.step("hook")
    assert len(hall.posted) == 2
    assert len({h["webhook-id"] for _, h, _ in hall.posted}) == 2
    outbox.forget(
        second.twin.store, NOW + timedelta(days=1)
    )  # what was told long ago is told no more, though it is on record no longer
    assert second.rows() == []
    second.step("hook")
    assert len(hall.posted) == 2


def test_a_crash_at_any_step_loses_nothing_against_the_server(office: Callable[..., Office], hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    class Crash(BaseException):
        pass

    def crash(*_: Any, **__: Any) -> None:
        raise Crash

    text = HOOK.format(url=hall.url) + route("alarm", "people: [wang]", "hook")
    there = office(text)
    for step in ("arrange", "intend", "send", "arrived"):
        hall.posted.clear()
        made = [replace(letter, event=f"{step} {letter.event}") for letter in letters(3, "hook", NOW)]
        outbox.put(there.twin.store, made, NOW)
        with monkeypatch.context() as broken:
            if step == "send":
                broken.setattr(send.Outlet, "send", crash)
            else:
                broken.setattr(run.outbox, step, crash)
            with pytest.raises(Crash):
                there.sender("hook").once()
        there = office(text, there.twin)
        there.sender("hook").begin()
        there.sender("hook").once()
        once = {
            h["webhook-id"]: body for _, h, body in hall.posted
        }  # what a receiver keeps that drops the second of an id
        told = [e["id"] for body in map(json.loads, once.values()) for e in body["data"]["events"]]
        assert sorted(told) == [letter.event for letter in made], step
        assert len(hall.posted) == (4 if step == "arrived" else 3), step
        assert {r["state"] for r in there.rows()} == {"sent"}
