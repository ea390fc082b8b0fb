"""Every fault of `notify.yaml` is named at once, at its line; what is sound goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from citytwin.engine import load
from citytwin.engine.notify import declare
from citytwin.engine.notify.run import Notifier
from citytwin.engine.twin import Twin
from citytwin.kernel.clock import SystemClock
from citytwin.kernel.errors import SourceFailed
from citytwin.store.duckdb import DuckStore

FILE = """\
address: https://twin.test.cn/
people:
  - {id: wang, name: 王敏, email: wang@test.cn}
  - {id: li, name: 李强, quiet: {since: "22:00", until: "07:00"}}
rotas:
  - id: duty
    title: {zh: 值班, en: Duty}
    since: 2026-01-05
    shifts: [{at: "08:30", people: [wang, li]}]
    stand_ins: [{since: 2026-02-17, until: 2026-02-18, person: li}]
smtp:
  - {id: mail, title: {zh: 邮件, en: Mail}, host: mail.test.cn, sender: twin@test.cn, user: twin, password: {env: MAIL_WORD}}
webhook:
  - {id: hook, title: {zh: 平台, en: Hub}, url: https://hub.test.cn/in, secret: {env: HOOK_WORD}}
wecom:
  - {id: room, title: {zh: 群, en: Room}, token: {env: ROOM_WORD}}
routes:
  - id: severe
    what: [alarm]
    levels: [critical]
    rules: [tank.overfull]
    to: {on_call: [duty]}
    via: [in_app, mail]
"""


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAIL_WORD", "HOOK_WORD", "ROOM_WORD"):
        monkeypatch.setenv(name, "w")


def said(twin: Twin, home: Path, text: str) -> declare.Declared:
    (home / declare.FILE).write_text(text, "utf-8")
    return declare.read(home, twin)


FAULTS = [
    ("address: https://twin.test.cn/", "address: twin.test.cn", 1, "URL", "not an address"),
    ("email: wang@test.cn", "email: wang", 3, "MAIL", "not a mail address"),
    ("email: wang@test.cn", "email: 'w@test.cn\\nBcc: x@y'", 3, "MAIL", "not a mail address"),
    ("name: 李强", "name: 王敏", 4, "NAMES", "stands twice"),
    ("id: room", "id: Room", 16, "NAMES", "not an id"),
    ('since: "22:00"', 'since: "22"', 4, "TIME", "no time of day"),
    ('since: "22:00"', 'since: "07:00"', 4, "QUIET", "same time"),
    ("people: [wang, li]", "people: [wang, lee]", 9, "NAMES", "no person 'lee'"),
    ('at: "08:30"', 'at: "8:30"', 9, "TIME", "no time of day"),
    ("until: 2026-02-18", "until: 2026-02-16", 10, "TIME", "no span"),
    ("since: 2026-01-05", "since: 2026-13-05", 8, "SCHEMA", ""),
    ("host: mail.test.cn", "host: mail.test.cn/x", 12, "URL", "not a host"),
    ("sender: twin@test.cn", "sender: twin", 12, "MAIL", "not a mail address"),
    ("MAIL_WORD", "NO_WORD", 12, "SECRET", "empty"),
    ("user: twin,", "user: twin, security: none,", 12, "SECURITY", "open line"),
    ("{env: HOOK_WORD}", "{env: HOOK_WORD, file: x}", 14, "SECRET", "env or a file"),
    ("https://hub.test.cn/in", "https://me:w0rd@hub.test.cn/in", 14, "SECRET", "a user in the address"),
    ("token: {env: ROOM_WORD}", "token: {env: ROOM_WORD}, url: 'https://x.cn/'", 16, "SECRET", "{token}"),
    ("token: {env: ROOM_WORD}", "token: {env: ROOM_WORD}, secret: {env: ROOM_WORD}", 16, "SECRET", "not signed"),
    ("id: room", "id: hook", 16, "NAMES", "stands twice"),
    ("what: [alarm]", "what: [alarms]", 19, "SCHEMA", "alarms"),
    ("what: [alarm]", "what: []", 18, "EMPTY", "nothing of what"),
    ("rules: [tank.overfull]", "rules: [tank.over]", 21, "NAMES", "no rule"),
    ("to: {on_call: [duty]}", "to: {on_call: [night]}", 22, "NAMES", "no rota"),
    ("to: {on_call: [duty]}", "to: {}", 22, "EMPTY", "names nobody"),
    ("to: {on_call: [duty]}", "to: {people: [li]}", 22, "MAIL", "no address"),
    ("via: [in_app, mail]", "via: [in_app, post]", 23, "NAMES", "no channel"),
    ("via: [in_app, mail]", "vai: [in_app]", 23, "SCHEMA", "'vai' is not a key"),
]


@pytest.mark.usefixtures("words")
def test_each_fault_is_named_against_its_line(twin: Twin, tmp_path: Path) -> None:
    assert said(twin, tmp_path, FILE).faults == ()
    for old, new, line, code, told in FAULTS:
        assert FILE.count(old) == 1, old
        faults = said(twin, tmp_path, FILE.replace(old, new)).faults
        assert [(f.where, f.code) for f in faults] == [(f"{tmp_path / declare.FILE}:{line}", code)], (new, faults)
        assert told in faults[0].message, new
        assert "me:w0rd" not in str(faults[0])  # no secret is repeated


def test_a_channel_at_fault_keeps_its_messages_and_the_others_work_against_its_state(twin: Twin, tmp_path: Path, words: None, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.delenv("HOOK_WORD")
    (tmp_path / declare.FILE).write_text(FILE, "utf-8")
    notifier = Notifier(twin, tmp_path)
    assert set(notifier.states()) == {"mail", "room"}
    with pytest.raises(SourceFailed, match="at fault"):
        notifier.try_out("hook", "王敏")
    monkeypatch.setenv("HOOK_WORD", "w")
    assert notifier.reload().faults == ()
    assert set(notifier.states()) == {"mail", "room", "hook"}
    (tmp_path / declare.FILE).write_text("people: [", "utf-8")  # a slip of the pen ends nothing
    assert notifier.reload().faults
    assert set(notifier.states()) == {"mail", "room", "hook"}


def test_without_a_file_alarms_are_shown_to_everybody_against_what_is_declared(twin: Twin, tmp_path: Path) -> None:
    assert declare.read(tmp_path, twin) == declare.Declared()
    assert [(r.what, r.to.everybody, r.via) for r in declare.EVERYTHING.routes] == [(("alarm", "channel_failing"), True, ("in_app",))]  # fmt: skip


def test_the_file_of_a_shipped_city_has_no_fault_against_the_city() -> None:
    city = load.city(load.CITIES / "lingang")
    packs = load.ordered(load.pack_folders(()), city.packs)
    store = DuckStore(None, city.zone, threads=1)
    store.define(packs, load.tables(packs))
    twin = Twin(store, city, packs, SystemClock())
    found = declare.read(None, twin)
    store.close()
    assert found.path is not None
    assert found.path.parent.name == "lingang"
    assert found.faults == ()
    assert found.file.channels() == {}  # nothing leaves a demo
    roles = {r for p in found.file.people for r in p.roles}
    wanted = {s.role.zh for kind in twin.cases.values() for s in kind.steps}
    assert wanted <= roles, wanted - roles


def test_the_example_of_the_page_has_no_fault_against_a_city(twin: Twin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    page = (Path(declare.__file__).parents[3] / "docs" / "reference" / "notify.md").read_text("utf-8")
    text = page.partition("```yaml\n")[2].partition("```")[0]
    for name in ("MAIL_PASSWORD", "WECOM_KEY", "DING_TOKEN", "DING_SECRET", "FEISHU_TOKEN", "FEISHU_SECRET"):
        monkeypatch.setenv(name, "w")
    (tmp_path / "hub.secret").write_text("whsec_aGVsbG8=")
    found = said(twin, tmp_path, text)
    assert found.faults == ()
    assert f"{len(found.file.people)} people, {len(found.file.channels())} channels, {len(found.file.routes)} routes, no fault" in page  # fmt: skip
