"""Kinds of cases as BPMN: out and in again against themselves; a foreign drawing against reading by hand; hostile documents."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from citytwin.engine import bpmn, load
from citytwin.kernel.case import CaseType
from citytwin.kernel.errors import BadRequest, TooLarge

from ..conftest import FILES
from .test_handle import CASES

SHIPPED = [c for folder in sorted(p.parent for p in load.PACKS.glob("*/cases.yaml")) for c in load.pack(folder).cases]
HEAD = '<?xml version="1.0"?><definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:x="http://x.org" targetNamespace="t">'
FOREIGN = f"""{HEAD}<process id="Process_1A" name="Complaint" x:odd="1">
  <laneSet id="ls"><lane id="l1" name="Hotline"><flowNodeRef>Start</flowNodeRef><flowNodeRef>Task_Take</flowNodeRef></lane>
    <lane id="l2" name="Bureau"><flowNodeRef>Task_Solve</flowNodeRef><flowNodeRef>E1</flowNodeRef></lane></laneSet>
  <startEvent id="Start"><outgoing>f1</outgoing></startEvent>
  <userTask id="Task_Solve" name="Solve"/><userTask id="Task_Take" name="Take down"/>
  <exclusiveGateway id="G1"/><exclusiveGateway id="G2"/>
  <endEvent id="E1" name="Answered"/><endEvent id="E2"/>
  <sequenceFlow id="f1" sourceRef="Start" targetRef="Task_Take"/><sequenceFlow id="f2" sourceRef="Task_Take" targetRef="G1"/>
  <sequenceFlow id="f3" sourceRef="G1" targetRef="Task_Solve"><conditionExpression>x</conditionExpression></sequenceFlow>
  <sequenceFlow id="f4" sourceRef="G1" targetRef="G2"/><sequenceFlow id="f5" sourceRef="G2" targetRef="E2"/>
  <sequenceFlow id="f6" sourceRef="G2" targetRef="G1"/><sequenceFlow id="f7" sourceRef="Task_Solve" targetRef="E1"/>
</process></definitions>"""


@pytest.fixture
def permit(tmp_path: Path) -> CaseType:
    folder = tmp_path / "tank"
    folder.mkdir()
    for name in ("pack.yaml", "types.yaml"):
        (folder / name).write_text(FILES[name], "utf-8")
    (folder / "cases.yaml").write_text(CASES, "utf-8")
    return load.pack(folder).cases[1]


def as_read(kind: CaseType) -> CaseType:
    return replace(kind, id=kind.id.partition(".")[2])


@pytest.mark.parametrize("kind", SHIPPED, ids=[c.id for c in SHIPPED])
def test_shipped_kinds_come_back_as_they_went(kind: CaseType) -> None:
    assert bpmn.read(bpmn.written(kind)) == as_read(kind)


def test_forms_guards_proofs_and_bodies_come_back(permit: CaseType) -> None:
    data = bpmn.written(permit)
    assert bpmn.read(data) == as_read(permit)
    root = ET.fromstring(data)
    shapes = {e.get("bpmnElement") for e in root.iter(f"{{{bpmn.DI}}}BPMNShape")}
    assert shapes == {"start", "gateway_accept", *(s.id for s in permit.steps)}
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(set(ids)) == len(ids)


def test_a_foreign_drawing_against_reading_by_hand() -> None:
    kind = bpmn.read(FOREIGN.encode())
    assert (kind.id, kind.title.en) == ("process_1a", "Complaint")
    assert [(s.id, s.title.zh, s.role.en, s.next) for s in kind.steps] == [
        ("task_take", "Take down", "Hotline", ("task_solve", "e2")),
        ("task_solve", "Solve", "Bureau", ("e1",)),
        ("e1", "Answered", "Bureau", ()),
        ("e2", "办结", "Handler", ()),
    ]


@pytest.mark.parametrize(
    ("there", "put", "fault"),
    [
        ("<exclusiveGateway id=\"G1\"/>", "<parallelGateway id=\"G1\"/>", "'G1' is a parallelGateway"),
        ('name="Solve"/>', 'name="Solve"><multiInstanceLoopCharacteristics/></userTask>', "multiInstanceLoopCharacteristics"),
        ("<startEvent id=\"Start\">", "<startEvent id=\"Start\"><timerEventDefinition/>", "timerEventDefinition"),
        ('<userTask id="Task_Solve"', '<scriptTask id="Task_Solve"', "scriptTask"),
        ('targetRef="E1"', 'targetRef="E9"', "'E9', which is not there"),
        ('<sequenceFlow id="f7" sourceRef="Task_Solve" targetRef="E1"/>', "", "'Task_Solve' leads nowhere"),
        ('sourceRef="Start" targetRef="Task_Take"', 'sourceRef="Start" targetRef="G1"', "2 steps follow the start"),
        ("<process ", "<process id=\"p0\"/><process ", "2 processes"),
        ('id="E2"', 'id="E1"', "stands twice"),
        ("<?xml version=\"1.0\"?>", "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b 'c'>]>", "entities"),
        ("<definitions ", "<!DOCTYPE definitions><definitions ", "entities"),
        ("</process>", "", "no XML"),
        ('<endEvent id="E2"/>', '<endEvent id="E2"><extensionElements><s:step xmlns:s="urn:citytwin:case">{"days": "x"}</s:step></extensionElements></endEvent>', "none of ours"),
    ],
)  # fmt: skip
def test_documents_at_fault_are_named(there: str, put: str, fault: str) -> None:
    assert there in FOREIGN
    text = FOREIGN.replace("</userTask>", "").replace(there, put, 1) if "scriptTask" not in put else FOREIGN.replace(there, put, 1)  # fmt: skip
    with pytest.raises(BadRequest, match=fault):
        bpmn.read(text.encode())


def test_large_and_foreign_bytes_are_refused() -> None:
    with pytest.raises(TooLarge):
        bpmn.read(b" " * (bpmn.LARGEST + 1))
    for data in (b"", b"\xff\xfe<\0", b"<a/>", FOREIGN.encode("utf-16")):
        with pytest.raises(BadRequest):
            bpmn.read(data)
