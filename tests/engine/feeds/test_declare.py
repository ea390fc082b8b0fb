"""Every fault of `feeds.yaml` is named at once, at its line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from citytwin.engine.feeds.declare import Declared, read
from citytwin.engine.twin import Twin

Declare = Callable[[str], Declared]
T = "title: {zh: 甲, en: A}"
GOOD = f"""\
folder:
  - {{id: drop, {T}, folder: in}}
pull:
  - {{id: web, {T}, url: "https://host/x?since={{since}}", every_s: 60, headers: {{Authorization: "Bearer {{token}}"}}, secrets: {{token: {{env: A_TOKEN}}}}}}
modbus:
  - {{id: plc, {T}, host: 192.0.2.7, every_s: 10, streams: [{{stream: t1.tank.level, address: 0, type: int16, unit: mm}}]}}
opcua:
  - {{id: ua, {T}, url: "opc.tcp://h:4840/x", every_s: 5, streams: [{{stream: t1.tank.level, node: ns=2;s=A.B}}]}}
"""


def test_a_good_file_declares_its_feeds(declare: Declare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "x")
    found = declare(GOOD)
    assert found.every_fault == ()
    assert [f.id for f in found.feeds] == ["drop", "web", "plc", "ua"]


def test_no_file_and_an_empty_one_declare_none(declare: Declare, twin: Twin, home: Path) -> None:
    assert read(home, twin) == Declared((), {})
    assert declare("") == Declared((), {})
    assert declare("# nothing yet\n") == Declared((), {})


FAULTS = [
    (f"folder: [{{id: Drop, {T}, folder: in}}]", "NAMES", "'Drop' is not an id"),
    (f"folder: [{{id: drop, {T}, folder: .}}]", "FOLDER", "the home of the city itself"),
    (f"folder: [{{id: drop, {T}, folder: ..}}]", "FOLDER", "the home of the city itself"),
    (f"folder: [{{id: drop, {T}, folder: in, form: xml}}]", "SCHEMA", "one of: "),
    (f"folder: [{{id: drop, {T}, folder: in, parser: tank.parse_none}}]", "NAMES", "parser 'tank.parse_none'"),
    (f"folder: [{{id: drop, {T}, folder: in, unit: furlong}}]", "UNIT", "unit 'furlong'"),
    (f"folder: [{{id: drop, {T}, folder: in, every_s: 0}}]", "BOUNDS", "every_s is 0"),
    (f"folder: [{{id: drop, {T}, folder: in, colour: red}}]", "SCHEMA", "'colour' is not a key here"),
    (
        f"folder: [{{id: drop, {T}, folder: in, streams: [{{source: A, stream: t9.tank.level}}]}}]",
        "STREAM",
        "asset 't9'",
    ),
    (f"pull: [{{id: web, {T}, url: 'ftp://h/x', every_s: 60}}]", "URL", "is not an address"),
    (f"pull: [{{id: web, {T}, url: 'https://me:word@h/x', every_s: 60}}]", "SECRET", "a user in the address"),
    (f"pull: [{{id: web, {T}, url: 'https://h/{{when}}', every_s: 60}}]", "PLACE", "nothing is called {when}"),
    (
        f"pull: [{{id: web, {T}, url: 'https://h/', every_s: 60, headers: {{X-Api-Key: abc}}}}]",
        "SECRET",
        "stands in the file",
    ),
    (
        f"pull: [{{id: web, {T}, url: 'https://h/?k={{k}}', every_s: 60, secrets: {{k: {{env: NO_SUCH_VARIABLE}}}}}}]",
        "SECRET",
        "NO_SUCH_VARIABLE is not set",
    ),
    (
        f"pull: [{{id: web, {T}, url: 'https://h/', every_s: 60, secrets: {{k: {{file: no}}}}}}]",
        "SECRET",
        "used nowhere",
    ),
    (f"pull: [{{id: web, {T}, url: 'https://h/', every_s: 60, certificates: no.pem}}]", "FILE", "no file 'no.pem'"),
    (f"modbus: [{{id: plc, {T}, host: h, every_s: 1, streams: []}}]", "EMPTY", "no streams"),
    (
        f"modbus: [{{id: plc, {T}, host: 'h:502', every_s: 1, port: 0, streams: [{{stream: t1.tank.level, address: 0, type: int16}}]}}]",
        "BOUNDS",
        "port is 0",
    ),
    (
        f"modbus: [{{id: plc, {T}, host: h, every_s: 1, streams: [{{stream: t1.tank.level, address: 65535, type: int32}}]}}]",
        "REGISTER",
        "address 65535",
    ),
    (
        f"modbus: [{{id: plc, {T}, host: h, every_s: 1, streams: [{{stream: t1.tank.level, address: 1, type: bool}}]}}]",
        "REGISTER",
        "type bool does not stand in table holding",
    ),
    (
        f"modbus: [{{id: plc, {T}, host: h, every_s: 1, streams: [{{stream: t1.tank.level, address: 1, type: int16, unit: degC}}]}}]",
        "UNIT",
        "'degC' measures temperature",
    ),
    (
        f"modbus: [{{id: plc, {T}, host: h, every_s: 1, streams: [{{stream: t1.tank.nothing, address: 1, type: int16}}]}}]",
        "STREAM",
        "'tank.nothing' is not declared",
    ),
    (
        f"opcua: [{{id: ua, {T}, url: 'http://h', every_s: 5, streams: [{{stream: t1.tank.level, node: i=1}}]}}]",
        "URL",
        "address of a server",
    ),
    (
        f"opcua: [{{id: ua, {T}, url: 'opc.tcp://h:1', every_s: 5, streams: [{{stream: t1.tank.level, node: Pump}}]}}]",
        "NODE",
        "'Pump' is not a node id",
    ),
    (
        f"opcua: [{{id: ua, {T}, url: 'opc.tcp://h:1', every_s: 5, password: {{env: PATH}}, streams: [{{stream: t1.tank.level, node: i=1}}]}}]",
        "SECRET",
        "no user",
    ),
    ("folder: [\n", "YAML", ""),
    ("- a\n", "SCHEMA", "not object"),
]
"""Of a line of the file the code of its fault, and what is said of it."""


def test_a_fault_is_named_at_its_line_with_what_to_do(declare: Declare) -> None:
    for line, code, says in FAULTS:
        found = declare(f"# one\n# two\n{line}\n")
        told = [f for f in found.every_fault if f.code == code and says in f"{f.message} {f.hint}"]
        assert told, (line, found.every_fault)
        assert re.search("feeds.yaml:[1345]$", told[0].where), (line, told)


def test_all_faults_come_at_once_and_only_those_at_fault_do_not_run(declare: Declare) -> None:
    found = declare(
        f"""folder:
  - {{id: drop, {T}, folder: in}}
  - {{id: drap, {T}, folder: in/side, unit: furlong}}
modbus:
  - {{id: plc, {T}, host: h, every_s: 1, streams: [{{stream: t9.tank.level, address: 0, type: int16}}]}}
  - {{id: plc, {T}, host: h, every_s: 1, streams: [{{stream: t1.tank.level, address: 0, type: int16}}]}}
"""
    )
    assert [(f.where.rpartition(":")[2], f.code) for f in found.every_fault] == [
        ("3", "UNIT"),
        ("3", "FOLDER"),
        ("5", "STREAM"),
        ("6", "NAMES"),
    ]
    assert set(found.faults) == {"drap", "plc"}
