"""Single readings off the wire, against uvicorn's own protocol with the whole app behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import anyio
import httptools
import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from citytwin.api import wire
from citytwin.api.app import App
from citytwin.api.house import House
from citytwin.api.wire import Exchange, Wire
from citytwin.engine.decode import Row
from citytwin.engine.ingest import Told
from citytwin.kernel.errors import StoreBusy, StoreFailed

URL = "/api/observations"
STREAM = "lamp-3.trial.warmth"
JSON = "application/json"
LONG = "application/json; profile=long"
"""The same to everybody; what is quick leaves it to the app."""


def row(value: Any = 20.0, time: str = "2026-03-10T03:00:00Z", stream: str = STREAM, **more: Any) -> dict[str, Any]:
    return {"stream": stream, "time": time, "value": value, **more}


@dataclass
class Answer:
    """One answer off the wire."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    whole: bool = False

    def json(self) -> Any:
        return json.loads(self.body)


class Answers:
    """Reads what a server writes, with the parser of the library."""

    def __init__(self) -> None:
        self.all: list[Answer] = []
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.all.append(Answer())

    def on_header(self, name: bytes, value: bytes) -> None:
        self.all[-1].headers[name.decode().lower()] = value.decode()

    def on_headers_complete(self) -> None:
        self.all[-1].status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self.all[-1].body += body

    def on_message_complete(self) -> None:
        self.all[-1].whole = True


class Line(asyncio.Transport):
    """A connection without a network; `unread` bytes of what was written were not taken by the other side."""

    unread = 0
    aborted = False

    def __init__(self) -> None:
        super().__init__({"socket": None, "peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 8460)})
        self.answers, self.closed, self.sent = Answers(), False, b""

    def write(self, data: Any) -> None:
        self.sent += bytes(data)
        self.answers.feed(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def get_write_buffer_size(self) -> int:
        return self.unread

    def abort(self) -> None:
        self.closed = self.aborted = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Plug:
    """A server's side of one connection."""

    def __init__(self, app: App, quick: bool = True) -> None:
        config = uvicorn.Config(app, log_config=None, ws="none", lifespan="off", timeout_keep_alive=3600)
        config.load()
        given: dict[str, Any] = {"config": config, "server_state": ServerState(), "app_state": {}}
        self.line = Line()
        loop = asyncio.get_running_loop()
        self.wire: HttpToolsProtocol = (
            Wire(app.quick, **given, _loop=loop) if quick else HttpToolsProtocol(**given, _loop=loop)
        )
        self.wire.connection_made(self.line)

    async def ask(self, *parts: bytes, answers: int = 1, wait_s: float = 10.0) -> list[Answer]:
        """Send the parts one by one; what is answered once there are so many answers, or the connection was closed."""
        for part in parts:
            if self.line.closed:
                break
            self.wire.data_received(part)
            await asyncio.sleep(0)
        with anyio.move_on_after(wait_s):
            while not self.line.closed and sum(a.whole for a in self.line.answers.all) < answers:
                await asyncio.sleep(0.001)
        self.wire._unset_keepalive_if_required()
        return self.line.answers.all


def request(body: Any, path: str = URL, media: str = JSON, **headers: str) -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {"Host": "city", "Content-Type": media, "Content-Length": str(len(data))}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + data


def asked(house: House | App, *parts: bytes, quick: bool = True, answers: int = 1) -> list[Answer]:
    async def scene() -> list[Answer]:
        return await Plug(App(house) if isinstance(house, House) else house, quick).ask(*parts, answers=answers)

    return anyio.run(scene)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Has an item for every request that was answered the quick way."""
    seen: list[int] = []
    answer = Wire.answer
    monkeypatch.setattr(Wire, "answer", lambda self, exchange, rest: (seen.append(1), answer(self, exchange, rest))[1])
    return seen


@pytest.mark.parametrize(
    ("body", "query", "quick"),
    [
        (row(), "", True),
        ([row(), row(21.0, "2026-03-10T03:01:00Z")], "", True),
        (row(9999), "", True),
        (row(), "?key=a-1", True),
        (row(), "?key=a-1&unit=K", False),
        ([row(), row(stream="lamp-99.trial.warmth")], "", False),
        (row(time="2027-01-01T00:00:00Z"), "", False),
        (row(None), "", False),
        (row(None, quality=9), "", True),
        (row(unit="K", value=290), "", True),
        (row(unit="kg"), "", False),
        ([], "", True),
        (b"{", "", False),
        (b"null", "", False),
    ],
)
def test_a_reading_is_answered_as_the_app_answers_it(
    build: Callable[..., House], taken: list[int], body: Any, query: str, quick: bool
) -> None:
    (short,) = asked(build(), request(body, URL + query))
    assert len(taken) == quick
    (long,) = asked(build(), request(body, URL + query, LONG))
    assert len(taken) == quick
    assert (short.status, short.json()) == (long.status, long.json())
    assert short.headers["content-type"] == long.headers["content-type"]
    assert short.headers["x-content-type-options"] == "nosniff"


def test_a_key_is_taken_once_on_either_way(own_house: House) -> None:
    (first,) = asked(own_house, request(row(), f"{URL}?key=k1"))
    for media in (JSON, LONG):
        (again,) = asked(own_house, request(row(), f"{URL}?key=k1", media))
        assert again.json() == {**first.json(), "repeated": True}
    (other,) = asked(own_house, request(row(22.0, "2026-03-10T03:05:00Z"), f"{URL}?key=k2"))
    assert other.json()["batch"] == first.json()["batch"] + 1


def test_a_request_that_comes_byte_by_byte_is_put_together(own_house: House, taken: list[int]) -> None:
    (answer,) = asked(own_house, *(bytes([b]) for b in request(row())))
    assert answer.json()["accepted"] == 1
    assert taken


def test_a_client_that_goes_before_its_body_came_leaves_nothing(own_house: House) -> None:
    def count() -> int:
        return int(own_house.twin.store.fetch("SELECT count(*) AS n FROM observation_all")["n"][0].as_py())

    async def scene() -> None:
        plug = Plug(App(own_house))
        plug.wire.data_received(request(row())[:-5])
        plug.wire.connection_lost(None)
        await asyncio.sleep(0.05)

    before = count()
    anyio.run(scene)
    assert count() == before


def test_a_client_that_goes_before_the_answer_has_its_reading_recorded(own_house: House) -> None:
    async def scene() -> bytes:
        plug = Plug(App(own_house))
        plug.wire.data_received(request(row()))
        plug.wire.connection_lost(None)
        await asyncio.sleep(0.3)
        return plug.line.sent

    before = own_house.twin.store.fetch("SELECT count(*) AS n FROM observation_all")["n"][0].as_py()
    assert anyio.run(scene) == b""
    assert own_house.twin.store.fetch("SELECT count(*) AS n FROM observation_all")["n"][0].as_py() == before + 1


def test_requests_in_a_row_are_answered_in_their_order(own_house: House, taken: list[int]) -> None:
    times = [f"2026-03-10T03:0{n}:00Z" for n in range(4)]
    health = b"GET /api/health HTTP/1.1\r\nHost: city\r\n\r\n"
    sent = request(row(time=times[0])) + request(row(time=times[1])) + health + request(row(1.0, times[2], "x")) + request(row(time=times[3]))  # fmt: skip
    answers = asked(own_house, sent, answers=5)
    assert [a.status for a in answers] == [201, 201, 200, 400, 201]
    batches = [answers[n].json()["batch"] for n in (0, 1, 4)]
    assert batches == sorted(set(batches))
    assert taken


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Encoding": "gzip"},
        {"Expect": "100-continue"},
        {"Connection": "close"},
        {"X_Forwarded_Proto": "https"},
        {"Content_Length": "", "Transfer_Encoding": "chunked"},
    ],
)
def test_whoever_asks_for_more_is_left_to_the_app(own_house: House, taken: list[int], headers: dict[str, str]) -> None:
    data = json.dumps(row()).encode()
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)
    body = chunked if "Transfer_Encoding" in headers else data
    told = asked(own_house, request(body, **headers), answers=2 if "Expect" in headers else 1)[-1]
    assert told.status == (415 if "Content_Encoding" in headers else 201)
    assert not taken


def test_a_reading_over_sensorthings_says_where_it_is(own_house: House, taken: list[int]) -> None:
    path = "/sta/v1.1/Datastreams('lamp-1.trial.warmth')/Observations"

    def observe(time: str) -> Answer:
        return asked(own_house, request(b'{"phenomenonTime":"%s","result":21.25}' % time.encode(), path))[0]

    assert b"Datastream" in observe("2026-03-10T04:00:00Z").body  # the first is answered whole
    assert not taken
    told = observe("2026-03-10T12:01:00+08:00")
    assert taken
    assert (told.status, told.headers["content-type"]) == (201, JSON)
    link = told.headers["location"]
    assert told.json() == {"@iot.id": link.split("'")[1], "@iot.selfLink": link}
    assert link.startswith("http://city/sta/v1.1/Observations(")
    read = asked(own_house, f"GET {link.removeprefix('http://city')} HTTP/1.1\r\nHost: city\r\n\r\n".encode())[0].json()
    assert (read["result"], read["phenomenonTime"]) == (21.25, "2026-03-10T04:01:00Z")


def test_a_reading_over_sensorthings_2_says_where_it_is(own_house: House, taken: list[int]) -> None:
    path = "/sta/v2.0/Datastreams('lamp-1.trial.warmth')/Observations"
    city = App(own_house)
    for n in range(3):
        body: Any = {"phenomenonTime": {"start": f"2026-03-10T04:0{n}:00Z"}, "result": 21.25}
        (told,) = asked(city, request(body, path))
        assert told.status == 201
    assert len(taken) == 2  # the first one finds out what the stream takes
    body = {"phenomenonTime": {"start": "2026-03-10T04:03:00Z"}, "result": 1}
    assert asked(city, request({**body, "result": "high"}, path))[0].status == 400
    (told_all,) = asked(city, request(body, path, Prefer="return=representation"))
    assert told_all.json()["result"] == 1
    assert len(taken) == 2
    assert (told.body, told.headers["content-length"]) == (b"", "0")
    read = asked(own_house, f"GET {told.headers['location'].removeprefix('http://city')} HTTP/1.1\r\nHost: city\r\n\r\n".encode())  # fmt: skip
    assert read[0].json()["result"] == 21.25


@pytest.mark.parametrize("at_once", [True, False])
def test_a_store_that_takes_nothing_is_told_as_the_app_tells_it(
    own_house: House, monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    def refuse(told: Told, *_: Any, **__: Any) -> None:
        if at_once:
            raise StoreBusy("too many readings wait to be recorded", "send them again in a few seconds")
        told.set_exception(StoreFailed("the disk is full", "make room", "store"))

    monkeypatch.setattr(own_house.intake, "post", refuse)
    told, after = asked(own_house, request(row()) + b"GET /api/health HTTP/1.1\r\nHost: city\r\n\r\n", answers=2)
    assert told.status == 503
    assert told.headers["content-type"] == "application/problem+json"
    assert told.json()["detail"] == ("too many readings wait to be recorded" if at_once else "the disk is full")
    assert "content-security-policy" in told.headers
    assert int(told.headers["retry-after"]) > 0
    assert after.status == 200


def test_a_server_that_ends_answers_first_and_closes(own_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting: list[Told] = []
    post = own_house.intake.post
    monkeypatch.setattr(own_house.intake, "post", lambda told, *_, **__: waiting.append(told))

    async def scene() -> Line:
        plug = Plug(App(own_house))
        plug.wire.data_received(request(row()))
        plug.wire.shutdown()
        assert not plug.line.closed
        post(waiting[0], [_row()])
        await plug.ask()
        return plug.line

    line = anyio.run(scene)
    assert line.closed
    assert (line.answers.all[0].status, line.answers.all[0].headers["connection"]) == (201, "close")


@pytest.mark.parametrize("body", [row(), {"stream": 1}])
def test_a_server_that_ends_waits_for_the_rest_of_a_request(own_house: House, body: Any) -> None:
    async def scene() -> Line:
        plug = Plug(App(own_house))
        sent = request(body)
        plug.wire.data_received(sent[:-5])
        plug.wire.shutdown()
        assert not plug.line.closed
        await plug.ask(sent[-5:])
        return plug.line

    line = anyio.run(scene)
    assert line.closed
    assert line.answers.all[0].status == (201 if body == row() else 400)
    assert line.answers.all[0].headers["connection"] == "close"


@pytest.fixture(scope="module")
def common(build: Callable[..., House]) -> House:
    """A city of those tests that do not mind what others sent."""
    return build()


def wait(plug: Plug, begin: float, end: float) -> None:
    """Let somebody look at the connection as often as is done, by a clock of the test's own."""
    for second in range(int(begin), int(end) + 1, wire.LOOK_S):
        if not plug.line.closed:
            assert isinstance(plug.wire, Wire)
            plug.wire.look(float(second))


def quiet(house: House, *parts: bytes) -> Line:
    """The connection of a client that sends the parts at once and nothing more for 70 s."""

    async def scene() -> Line:
        plug = Plug(App(house))
        for part in parts:
            plug.wire.data_received(part)
            for _ in range(20):  # what is whole is answered first, however busy the machine is
                await asyncio.sleep(0.05)
                if plug.wire.cycle is None or plug.wire.cycle.response_complete:
                    break
        wait(plug, 0, wire.PATIENCE_S - 1)
        assert not plug.line.closed
        wait(plug, wire.PATIENCE_S, wire.PATIENCE_S + 10)
        await asyncio.sleep(0.05)
        return plug.line

    return anyio.run(scene)


@pytest.mark.parametrize(
    "sent",
    [
        b"P",
        request(row())[:40],
        request(row())[:-5],
        request(row(), media=LONG)[:-5],
        request(row()) + request(row())[:-5],
        request(row()) + request(row(), media=LONG)[:30],
        b"GET /api/health HTTP/1.1\r\nHost: city\r\n",
    ],
)
def test_a_request_that_is_not_whole_after_a_minute_is_told_so_and_ended(common: House, sent: bytes) -> None:
    line = quiet(common, sent)
    assert line.closed
    told = line.answers.all[-1]
    assert (told.status, told.headers["connection"]) == (408, "close")
    assert told.headers["content-type"] == "application/problem+json"
    assert told.json()["code"] == "too_slow"
    assert [a.status for a in line.answers.all[:-1]] == [201] * (sent.count(b"POST") - 1)


def test_who_says_nothing_at_all_is_let_go_and_who_was_answered_is_not(common: House) -> None:
    silent = quiet(common)
    assert (silent.closed, silent.sent) == (True, b"")
    answered = quiet(common, request(row()))  # uvicorn ends it after 75 s
    assert not answered.closed


def test_a_head_that_comes_a_byte_at_a_time_is_ended_and_a_long_body_that_flows_is_not(common: House) -> None:
    async def scene() -> tuple[Line, Line]:
        drip, flow = Plug(App(common)), Plug(App(common))
        rows = [row(time=f"2026-03-10T03:{m:02d}:{s:02d}Z") for m in range(20) for s in range(10)]
        long = request(rows)
        head = long.index(b"\r\n\r\n") + 4
        flow.wire.data_received(long[:head])
        for n in range(40):  # a part every 30 s for 20 minutes
            for plug, part in ((drip, long[n : n + 1]), (flow, long[head + n * 300 : head + n * 300 + 300])):
                if not plug.line.closed:
                    plug.wire.data_received(part)
            await asyncio.sleep(0.001)
            wait(drip, 30 * n, 30 * n + 29)
            wait(flow, 30 * n, 30 * n + 29)
        await flow.ask(long[head + 40 * 300 :])
        return drip.line, flow.line

    drip, flow = anyio.run(scene)
    assert [a.status for a in drip.answers.all] == [408]
    assert [a.status for a in flow.answers.all] == [201]


def test_who_takes_no_answer_is_cut_off_and_who_takes_it_slowly_is_not(common: House) -> None:
    async def scene(unread: Callable[[int], int]) -> Line:
        plug = Plug(App(common))
        await plug.ask(b"GET /api/health HTTP/1.1\r\nHost: city\r\n\r\n")
        for second in range(0, 200, wire.LOOK_S):
            plug.line.unread = unread(second)
            wait(plug, second, second)
        return plug.line

    async def refilled() -> Line:
        plug = Plug(App(common))
        await plug.ask(b"GET /api/health HTTP/1.1\r\nHost: city\r\n\r\n")
        plug.line.unread = 100_000
        for second in range(0, 200, wire.LOOK_S):
            if second % 40 == 0:
                plug.wire.pause_writing()
                plug.wire.resume_writing()
            wait(plug, second, second)
        return plug.line

    assert not anyio.run(refilled).closed
    assert anyio.run(scene, lambda _: 100_000).aborted
    assert not anyio.run(scene, lambda second: 100_000 - second).closed


def test_what_the_server_is_at_takes_as_long_as_it_takes(common: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common.intake, "post", lambda *_, **__: None)  # it is never told

    for sent in (request(row()), request(row()) + request(row())[:-5]):
        assert not quiet(common, sent).closed


def test_one_timer_looks_at_all_connections_and_ends_with_them(common: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "LOOK_S", 0.001)
    monkeypatch.setattr(wire, "PATIENCE_S", 0.001)

    async def scene() -> None:
        plugs = [Plug(App(common)) for _ in range(5)]
        for plug in plugs:
            plug.wire.data_received(request(row())[:-5])
        (rounds,) = {id(r): r for r in (wire._of(asyncio.get_running_loop())[1],)}.values()
        assert len(rounds.wires) == 5
        with anyio.fail_after(10):
            while not all(plug.line.closed for plug in plugs):
                await asyncio.sleep(0.001)
        for plug in plugs:
            plug.wire.connection_lost(None)
        with anyio.fail_after(10):
            while rounds._timer:
                await asyncio.sleep(0.001)
        assert not rounds.wires

    anyio.run(scene)


def _row() -> Row:
    return Row(STREAM, datetime(2026, 3, 10, 3, tzinfo=UTC), 20.0)


REQUESTS: Sequence[bytes] = [
    request(row(time="2026-03-10T03:00:00Z")),
    request(row(time="2026-03-10T03:00:01Z"), f"{URL}?key=k"),
    request(row(time="2026-03-10T03:00:02Z"), media=LONG),
    request(row(), connection="keep-alive"),
    request([row(9999, "2026-03-10T03:00:03Z")]),
    request(b"{"),
    request(b""),
    request({"phenomenonTime": "2026-03-10T03:00:04Z", "result": 1}, "/sta/v1.1/Datastreams('lamp-1.trial.warmth')/Observations"),
    request({"phenomenonTime": "2026-03-10T03:00:05Z", "result": 2}, "/sta/v1.1/Datastreams('lamp-1.trial.warmth')/Observations"),
    request({"phenomenonTime": "2026-03-10T03:00:05Z", "result": "2"}, "/sta/v1.1/Datastreams('lamp-1.trial.warmth')/Observations"),
    request(row(), "/sta/v1.1/Datastreams("),
    request(row(), "/api/observationsx"),
    b"GET /api/health HTTP/1.1\r\nHost: city\r\n\r\n",
    b"POST /api/observations HTTP/1.0\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n[]",
]  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=4),
    st.lists(st.integers(0, 1500), max_size=4),
    st.lists(st.tuples(st.integers(0, 1500), st.binary(min_size=0, max_size=3)), max_size=1),
)
def test_whatever_comes_off_the_wire_is_answered_as_uvicorn_answers_it(
    pair: tuple[House, House], sent: list[bytes], cuts: list[int], spoiled: list[tuple[int, bytes]]
) -> None:
    data = b"".join(sent)
    for at, bytes_ in spoiled:
        data = data[: at % len(data)] + bytes_ + data[at % len(data) + len(bytes_) :]
    edges = [0, *sorted(c % len(data) for c in cuts), len(data)]
    parts = [data[a:b] for a, b in pairwise(edges) if b > a]

    async def both() -> list[tuple[list[Any], bool]]:
        seen = []
        for house, quick in zip(pair, (True, False), strict=True):
            plug = Plug(App(house), quick)
            await plug.ask(*parts, answers=len(sent), wait_s=0.3)
            answers = [(a.status, a.whole, _told(a)) for a in plug.line.answers.all]
            seen.append((answers, plug.line.closed))
        return seen

    short, long = anyio.run(both)
    assert short == long


def _told(answer: Answer) -> Any:
    try:
        told = json.loads(answer.body or b"null")
    except ValueError:
        return answer.body
    return {k: v for k, v in told.items() if k in ("accepted", "repeated", "suspect", "detail", "message", "@iot.id")} if isinstance(told, dict) else told  # fmt: skip


@pytest.fixture(scope="module")
def pair(build: Callable[..., House]) -> tuple[House, House]:
    """Two cities that are asked the same."""
    return build(), build()


def test_an_exchange_is_treated_as_uvicorn_treats_its_own() -> None:
    touched = {"disconnected", "message_event", "response_complete", "keep_alive"}
    assert touched <= {*Exchange.__slots__, *vars(Exchange)}
