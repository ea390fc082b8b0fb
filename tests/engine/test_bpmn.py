"""Kinds of cases as BPMN: out and in again against themselves; a foreign drawing against reading by hand; hostile documents."""

from __future__ import annotations

import re
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


ORDER = {  # BPMN20.xsd and Semantic.xsd: what may stand in what, in which order
    "definitions": ["process", "BPMNDiagram"],
    "process": ["documentation", "extensionElements", "laneSet", "flowElement"],
    "laneSet": ["lane"],
    "lane": ["documentation", "extensionElements", "flowNodeRef"],
    **{n: ["documentation", "extensionElements", "incoming", "outgoing"] for n in ("startEvent", "userTask", "exclusiveGateway", "endEvent")},
    "sequenceFlow": ["documentation", "extensionElements", "conditionExpression"],
    "BPMNDiagram": ["BPMNPlane"],
    "BPMNPlane": ["BPMNShape", "BPMNEdge"],
    "BPMNShape": ["Bounds"],
    "BPMNEdge": ["waypoint"],
}  # fmt: skip
FLOW = {"startEvent", "userTask", "exclusiveGateway", "endEvent", "sequenceFlow"}


@pytest.mark.parametrize("kind", SHIPPED, ids=[c.id for c in SHIPPED])
def test_elements_stand_in_the_order_of_the_schema(kind: CaseType) -> None:
    root = ET.fromstring(bpmn.written(kind))
    flows = {f.get("id"): f for f in root.iter(f"{{{bpmn.MODEL}}}sequenceFlow")}
    for node in root.iter():
        name = node.tag.rpartition("}")[2]
        if name in ORDER:
            there = ["flowElement" if (n := c.tag.rpartition("}")[2]) in FLOW else n for c in node]
            assert [n for n in there if n not in ORDER[name]] == []
            assert there == sorted(there, key=ORDER[name].index) or name == "BPMNPlane"
        for way, end in (("incoming", "targetRef"), ("outgoing", "sourceRef")):
            assert {c.text for c in node.findall(f"{{{bpmn.MODEL}}}{way}")} in (set(), {f for f, e in flows.items() if e.get(end) == node.get("id")})  # fmt: skip
    names = [e.get("id") for e in root.iter() if e.get("id")]
    assert all(re.fullmatch(r"[A-Za-z_][\w.-]*", n or "") for n in names)  # NCName


# as modellers write them: each in the manner of one, none of them copied
ECLIPSE = """\ufeff<?xml version="1.0" encoding="UTF-8"?>
<!-- origin at X=0.0 Y=0.0 -->
<bpmn2:definitions xmlns:bpmn2="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:xs="http://www.w3.org/2001/XMLSchema" exporter="org.eclipse.bpmn2.modeler.core" id="Definitions_1" targetNamespace="t">
  <bpmn2:process id="process_1" name="Default Process" isExecutable="false"><bpmn2:ioSpecification id="io"><bpmn2:inputSet id="i"/><bpmn2:outputSet id="o"/></bpmn2:ioSpecification>
    <bpmn2:startEvent id="StartEvent_1"><bpmn2:outgoing>SF1</bpmn2:outgoing><bpmn2:messageEventDefinition id="m"/></bpmn2:startEvent>
    <bpmn2:task id="Task_1" name="Look&#10;at it"><bpmn2:incoming>SF1</bpmn2:incoming><bpmn2:outgoing>SF2</bpmn2:outgoing><bpmn2:ioSpecification id="x"/><bpmn2:dataOutputAssociation id="y"/></bpmn2:task>
    <bpmn2:dataObject id="DO" name="File"/><bpmn2:endEvent id="EndEvent_1"><bpmn2:incoming>SF2</bpmn2:incoming><bpmn2:terminateEventDefinition id="t"/></bpmn2:endEvent>
    <bpmn2:sequenceFlow id="SF1" sourceRef="StartEvent_1" targetRef="Task_1"/><bpmn2:sequenceFlow id="SF2" sourceRef="Task_1" targetRef="EndEvent_1"/>
  </bpmn2:process></bpmn2:definitions>"""
POOLS = """<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:camunda="http://camunda.org/schema/1.0/bpmn" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" id="D" targetNamespace="t">
  <bpmn:collaboration id="C"><bpmn:participant id="P1" name="Applicant" processRef="Process_0"/><bpmn:participant id="P2" name="Licensing&#10;office" processRef="Process_1"/>
    <bpmn:messageFlow id="MF" sourceRef="P1" targetRef="S"/></bpmn:collaboration>
  <bpmn:process id="Process_0" isExecutable="false"/>
  <bpmn:process id="Process_1" isExecutable="true"><bpmn:documentation>How it goes</bpmn:documentation>
    <bpmn:startEvent id="S"><bpmn:outgoing>a</bpmn:outgoing></bpmn:startEvent><bpmn:sequenceFlow id="a" sourceRef="S" targetRef="Activity_0x1"/>
    <bpmn:userTask id="Activity_0x1" name="Check" camunda:candidateGroups="counter"><bpmn:extensionElements><camunda:formData><camunda:formField id="f" type="string"/></camunda:formData>
      <zeebe:userTask/></bpmn:extensionElements><bpmn:incoming>a</bpmn:incoming><bpmn:outgoing>b</bpmn:outgoing></bpmn:userTask>
    <bpmn:exclusiveGateway id="Gateway_1" default="d"><bpmn:incoming>b</bpmn:incoming><bpmn:outgoing>c</bpmn:outgoing><bpmn:outgoing>d</bpmn:outgoing></bpmn:exclusiveGateway>
    <bpmn:sequenceFlow id="b" sourceRef="Activity_0x1" targetRef="Gateway_1"/><bpmn:sequenceFlow id="c" name="no" sourceRef="Gateway_1" targetRef="Activity_0x1"/>
    <bpmn:userTask id="Activity_9" name="发证" camunda:assignee="${boss}"/><bpmn:sequenceFlow id="d" sourceRef="Gateway_1" targetRef="Activity_9"/>
    <bpmn:sequenceFlow id="e" sourceRef="Activity_9" targetRef="E"/><bpmn:endEvent id="E" name="Issued"/><bpmn:textAnnotation id="T"><bpmn:text>x</bpmn:text></bpmn:textAnnotation>
  </bpmn:process></bpmn:definitions>"""
NESTED = """<semantic:definitions xmlns:semantic="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" exporter="Process Modeler" id="_1" targetNamespace="t">
  <semantic:dataStore id="DS" name="Register"/>
  <semantic:process id="_6-0" name="Audit"><semantic:laneSet id="ls"><semantic:lane id="l0" name="Bureau"><semantic:flowNodeRef>_1-1</semantic:flowNodeRef><semantic:flowNodeRef>_1-2</semantic:flowNodeRef>
      <semantic:childLaneSet id="cls"><semantic:lane id="l1" name="Auditor"><semantic:flowNodeRef>_1-2</semantic:flowNodeRef></semantic:lane></semantic:childLaneSet></semantic:lane></semantic:laneSet>
    <semantic:startEvent id="_1-0"/><semantic:manualTask id="_1-1" name="Select"/><semantic:userTask id="_1-2" name="Audit"/><semantic:endEvent id="_1-3"/><semantic:endEvent id="_1-4" name="Dropped"/>
    <semantic:dataStoreReference id="DSR" dataStoreRef="DS"/><semantic:group id="G"/>
    <semantic:sequenceFlow id="f0" sourceRef="_1-0" targetRef="_1-1"/>
    <semantic:sequenceFlow id="f1" sourceRef="_1-1" targetRef="_1-2"><semantic:conditionExpression xsi:type="semantic:tFormalExpression">large</semantic:conditionExpression></semantic:sequenceFlow>
    <semantic:sequenceFlow id="f2" sourceRef="_1-1" targetRef="_1-4"><semantic:conditionExpression/></semantic:sequenceFlow>
    <semantic:sequenceFlow id="f3" sourceRef="_1-2" targetRef="_1-3"/>
  </semantic:process></semantic:definitions>"""


@pytest.mark.parametrize(
    ("text", "title", "steps"),
    [
        (ECLIPSE, "Default Process", [("task_1", "Look at it", "Handler", ("endevent_1",)), ("endevent_1", "Done", "Handler", ())]),
        (POOLS, "Licensing office", [("activity_0x1", "Check", "counter", ("activity_0x1", "activity_9")), ("activity_9", "发证", "Licensing office", ("step_e",)), ("step_e", "Issued", "Licensing office", ())]),
        (NESTED, "Audit", [("step_1_1", "Select", "Bureau", ("step_1_2", "step_1_4")), ("step_1_2", "Audit", "Auditor", ("step_1_3",)), ("step_1_3", "Done", "Handler", ()), ("step_1_4", "Dropped", "Handler", ())]),
    ],
    ids=["eclipse", "pools", "nested"],
)  # fmt: skip
def test_drawings_of_other_modellers_against_reading_by_hand(text: str, title: str, steps: list[object]) -> None:
    kind = bpmn.read(text.encode())
    assert kind.title.en == title
    assert [(s.id, s.title.en, s.role.en, s.next) for s in kind.steps] == steps
    assert [s.next for s in bpmn.read(bpmn.written(kind)).steps] == [s.next for s in kind.steps]


def test_what_others_draw_and_we_cannot_do_is_named() -> None:
    for there, put, fault in (
        ("<semantic:conditionExpression/>", "", ""),
        ('<semantic:conditionExpression xsi:type="semantic:tFormalExpression">large</semantic:conditionExpression>', "", "2 flows leave '_1-1' at once"),
        ('<semantic:group id="G"/>', '<semantic:boundaryEvent id="B" attachedToRef="_1-1"/>', "'B' is a boundaryEvent"),
        ('<semantic:group id="G"/>', '<semantic:subProcess id="SP"/>', "'SP' is a subProcess"),
        ('<semantic:endEvent id="_1-3"/>', '<semantic:endEvent id="_1-3"><semantic:errorEventDefinition/></semantic:endEvent>', "errorEventDefinition"),
    ):  # fmt: skip
        assert there in NESTED
        text = NESTED.replace(there, put, 1)
        if "2 flows" in fault:
            text = text.replace("<semantic:conditionExpression/>", "")
        if not fault:
            assert bpmn.read(text.encode()).steps
            continue
        with pytest.raises(BadRequest, match=fault):
            bpmn.read(text.encode())


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
        ("<process ", "<process id=\"p0\"><task id=\"t0\"/></process><process ", "2 processes"),
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
