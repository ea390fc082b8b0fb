"""Does the page on feeds tell the truth? Its examples run, against real peers at other addresses, and its commands print what it says."""

from __future__ import annotations

import json
import re
import struct
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ..engine.feeds.test_modbus import Device
from ..served import Served
from .test_tutorial import BLOCK, DOCS, expected

PAGE = (DOCS / "reference" / "feeds.md").read_text("utf-8")


def answer(handler: BaseHTTPRequestHandler) -> None:
    """A weather service that wants its token and tells two readings and one of somebody else."""
    good = handler.headers.get("Authorization") == "Bearer of-the-test"
    at = [(datetime.now(UTC) - timedelta(minutes=m)).isoformat() for m in (20, 10, 5)]
    rows = f"stream,time,value\nT-101,{at[0]},21.5\nT-101,{at[1]},21.75\nT-999,{at[2]},1\n".encode()
    handler.send_response(200 if good else 401)
    handler.send_header("Content-Type", "text/csv")
    handler.end_headers()
    handler.wfile.write(rows if good else b"")


def test_every_example_of_the_page_brings_readings_and_the_commands_say_what_it_says(
    serve: Callable[..., Served],
    command: Callable[..., Any],
    town: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("asyncua", reason="the optional package asyncua is not installed")
    from asyncua import ua
    from asyncua.sync import Server

    monkeypatch.setenv("WEATHER_TOKEN", "of-the-test")
    handler = type("Weather", (BaseHTTPRequestHandler,), {"do_GET": answer, "log_message": lambda *_: None})
    web = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=web.serve_forever, args=(0.02,))
    thread.start()
    humid = list(struct.unpack(">2H", struct.pack(">f", 63.5)))[::-1]
    device = Device({0: [65_536 - 15], 8: humid})
    plant = Server()
    plant.set_endpoint("opc.tcp://127.0.0.1:0/plant")
    plant.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    plant.register_namespace("urn:tanks")
    node = plant.nodes.objects.add_variable(ua.NodeId("Tank.Temperature", 2), "Temperature", 291.15)
    plant.start()
    try:
        port = plant.aio_obj.bserver._server.sockets[0].getsockname()[1]
        node.write_value(291.15)
        home = tmp_path / "home"
        home.mkdir()
        text = "".join(body for kind, _, body in BLOCK.findall(PAGE) if kind == "yaml")
        for there, here in (
            ("https://data.example.org", f"http://127.0.0.1:{web.server_address[1]}"),
            ("192.0.2.20\n    port: 502", f"127.0.0.1\n    port: {device.port}"),
            ("192.0.2.21:4840", f"127.0.0.1:{port}"),
        ):
            assert there in text
            text = text.replace(there, here)
        (home / "feeds.yaml").write_text(text, "utf-8")
        served = serve(home, "--city", town, "--demo-days", "0.05")
        (home / "survey").mkdir(exist_ok=True)
        row = "stream,time,value\nws-lianxi.base.temperature,2024-05-01T08:00:00+08:00,68\n"
        (home / "survey" / "may.csv").write_text(row, "utf-8")
        wanted = {"survey": 1, "weather": 2, "station_plc": 2, "plant": 1}
        for _ in range(600):
            stands = {f["id"]: f for f in served.get("/api/feeds")["items"]}
            if all(stands[id]["readings"] >= n for id, n in wanted.items()):
                break
            time.sleep(0.1)  # feeds are asked in their own time
        assert all(stands[id]["readings"] >= n for id, n in wanted.items()), json.dumps(stands, indent=1)
        assert (home / "survey" / "done" / "may.csv").exists()
        values = {
            stream: served.get(f"/api/streams/{stream}/observations?{span}")["value"]
            for stream, span in (
                ("ws-lianxi.base.temperature", "since=2024-05-01T00:00:00Z&until=2024-05-01T00:00:01Z"),
                ("ws-huanhu.base.temperature", ""),
                ("ws-lianbei.base.temperature", ""),
                ("ws-lianbei.base.humidity", ""),
                ("ws-haitang.base.temperature", ""),
            )
        }
        assert values["ws-lianxi.base.temperature"] == pytest.approx([20.0])
        assert {21.5, 21.75} <= set(values["ws-huanhu.base.temperature"])
        assert -1.5 in values["ws-lianbei.base.temperature"]
        assert 63.5 in values["ws-lianbei.base.humidity"]
        assert any(v == pytest.approx(18.0) for v in values["ws-haitang.base.temperature"])
        for kind, _, body in BLOCK.findall(PAGE):
            if kind == "console":
                line, _, says = body.removeprefix("$ ").partition("\n")
                words = [w.replace(".home", str(home)) for w in line.split()]
                told = command(*words[1:])
                assert told.returncode == 0, told.stderr
                given = told.stdout.rstrip("\n").replace(
                    f"http://127.0.0.1:{web.server_address[1]}", "https://data.example.org"
                )
                assert expected(says).fullmatch(given), given
        assert served.stop() == 0
        told = command("feeds", "check", "--home", str(home))  # and with nobody serving
        assert told.stdout == "4 feeds, no fault\n", told.stderr
        (home / "feeds.yaml").write_text(text.replace("unit: K", "unit: furlong"), "utf-8")
        told = command("feeds", "check", "--home", str(home))
        assert told.returncode == 1
        line = 1 + text[: text.index("unit: K")].count("\n")
        assert re.search(rf"feeds\.yaml:{line}: UNIT unit 'furlong'", told.stderr), told.stderr
    finally:
        plant.stop()
        device.stop()
        web.shutdown()
        thread.join()
        web.server_close()
