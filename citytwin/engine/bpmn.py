"""How is it drawn elsewhere? Kinds of cases as BPMN 2.0 (OMG formal/2011-01-03), out and in: one process of user tasks, exclusive gateways, lanes and ends.

A step is a user task, an ending step an end event, a role a lane. What BPMN has no word for travels as JSON in extension elements, and comes back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar
from xml.etree import ElementTree as ET

import msgspec

from citytwin.engine.load import ID
from citytwin.kernel.case import CaseType, Step
from citytwin.kernel.errors import BadRequest, TooLarge
from citytwin.kernel.title import Title

T = TypeVar("T")
MODEL = "http://www.omg.org/spec/BPMN/20100524/MODEL"
DI = "http://www.omg.org/spec/BPMN/20100524/DI"
DC = "http://www.omg.org/spec/DD/20100524/DC"
DD = "http://www.omg.org/spec/DD/20100524/DI"
OURS = "urn:citytwin:case"
LARGEST = 1024 * 1024
"""Bytes of a document."""
MOST = 500
"""Elements of its process."""
TASKS = {"task", "userTask", "manualTask"}
IGNORED = {
    "laneSet", "extensionElements", "documentation", "textAnnotation", "association", "ioSpecification", "dataObject", "dataObjectReference", "dataStoreReference", "property",
    "auditing", "monitoring", "group", "resourceRole", "performer", "humanPerformer", "potentialOwner", "supports", "correlationSubscription",
}  # fmt: skip
"""What says nothing about which step follows which."""
TAKEN = {"startEvent": {"messageEventDefinition"}, "endEvent": {"terminateEventDefinition"}}
"""Events that begin and end as plain ones do: what arrives is the application, and nothing runs beside that is to be stopped."""
ACTOR = Title("经办人", "Handler")
for _prefix, _uri in (("bpmn", MODEL), ("bpmndi", DI), ("dc", DC), ("di", DD), ("ct", OURS)):
    ET.register_namespace(_prefix, _uri)


def written(kind: CaseType) -> bytes:
    """A kind of case as a BPMN document with a diagram."""
    local = kind.id.rpartition(".")[2]
    root = ET.Element(_m("definitions"), {"id": "definitions", "targetNamespace": OURS})
    process = ET.SubElement(root, _m("process"), {"id": local, "name": kind.title.zh, "isExecutable": "false"})
    _extend(process, "case", kind, ("id", "title", "steps"), kind.title.en)
    lanes = ET.SubElement(process, _m("laneSet"), {"id": "lanes"})
    roles = list(dict.fromkeys((s.role.zh, s.role.en) for s in kind.steps))
    for n, (zh, en) in enumerate(roles):
        lane = ET.SubElement(lanes, _m("lane"), {"id": f"lane_{n}", "name": zh, f"{{{OURS}}}en": en})
        for step in kind.steps:
            if (step.role.zh, step.role.en) == (zh, en):
                ET.SubElement(lane, _m("flowNodeRef")).text = step.id
    nodes = ["start"]
    edges: list[tuple[str, str]] = [("start", kind.steps[0].id)]
    ET.SubElement(process, _m("startEvent"), {"id": "start"})
    for step in kind.steps:
        what = "userTask" if step.next else "endEvent"
        node = ET.SubElement(process, _m(what), {"id": step.id, "name": step.title.zh})
        _extend(node, "step", step, ("id", "title", "role", "next"), step.title.en)
        nodes.append(step.id)
        at = step.id
        if len(step.next) > 1:
            at = f"gateway_{step.id}"
            ET.SubElement(process, _m("exclusiveGateway"), {"id": at})
            nodes.append(at)
            edges.append((step.id, at))
        edges += [(at, to) for to in step.next]
    by_id = {e.get("id", ""): e for e in process}
    for way, end in (("incoming", 1), ("outgoing", 0)):  # in the order of the schema, after the extension elements
        for n, edge in enumerate(edges):
            ET.SubElement(by_id[edge[end]], _m(way)).text = f"flow_{n}"
    for n, (a, b) in enumerate(edges):
        ET.SubElement(process, _m("sequenceFlow"), {"id": f"flow_{n}", "sourceRef": a, "targetRef": b})
    _draw(root, local, nodes, edges, {s.id: roles.index((s.role.zh, s.role.en)) for s in kind.steps})
    ET.indent(root)
    return bytes(ET.tostring(root, "utf-8", xml_declaration=True))


def read(data: bytes) -> CaseType:
    """The kind of case in a BPMN document. Raises TooLarge, or BadRequest naming the element that is not of the part of BPMN that is read."""
    if len(data) > LARGEST:
        raise TooLarge(f"the document has {len(data)} bytes", f"at most {LARGEST}", "bpmn")
    if (
        b"<!DOCTYPE" in data or b"<!ENTITY" in data or b"\0" in data
    ):  # entities may grow without end; other encodings could hide them
        raise BadRequest("the document declares entities, or is not UTF-8", "save it as BPMN 2.0 XML in UTF-8 without DOCTYPE", "bpmn")  # fmt: skip
    try:
        data.decode("utf-8")
        root = ET.fromstring(data)
    except (ET.ParseError, UnicodeDecodeError, LookupError, ValueError) as e:
        raise BadRequest(f"the document is no XML: {e}", "BPMN 2.0 XML in UTF-8", "bpmn") from None
    found = [p for p in root if p.tag == _m("process") and any(_name(n).endswith(("Task", "task", "Event")) for n in p)]
    if root.tag != _m("definitions") or len(found) != 1:
        raise BadRequest(f"the document has {len(found)} processes", "one process with tasks in bpmn:definitions", "bpmn")  # fmt: skip
    pool = next((p for p in root.iter(_m("participant")) if (p.get("processRef") or "").rpartition(":")[2] == found[0].get("id")), None)  # fmt: skip
    return _kind(found[0], " ".join((pool.get("name") or "").split()) if pool is not None else "")


def _kind(process: ET.Element, pool: str = "") -> CaseType:
    """The kind of case that a process draws; `pool` is the name of who takes part in it."""
    if len(process) > MOST * 4:
        raise TooLarge(f"the process has {len(process)} elements", f"at most {MOST * 4}", "bpmn")
    nodes: dict[str, ET.Element] = {}
    flows: dict[str, list[str]] = {}
    plain: dict[str, int] = {}
    for node in process:
        name, id = _name(node), node.get("id", "")
        if name == "sequenceFlow":
            flows.setdefault(node.get("sourceRef", ""), []).append(node.get("targetRef", ""))
            plain[node.get("sourceRef", "")] = plain.get(node.get("sourceRef", ""), 0) + (node.find(_m("conditionExpression")) is None)  # fmt: skip
        elif name in TASKS | {"startEvent", "endEvent", "exclusiveGateway"}:
            special = [c for c in node if _name(c).endswith(("EventDefinition", "LoopCharacteristics")) and _name(c) not in TAKEN.get(name, ())]  # fmt: skip
            if special:
                raise BadRequest(f"'{id}' has a {_name(special[0])}, which is not read", "draw it with plain tasks and events", id)  # fmt: skip
            if not id or id in nodes:
                raise BadRequest(f"the id '{id}' is empty or stands twice", "every element has an id of its own", id)
            nodes[id] = node
        elif name not in IGNORED:
            raise BadRequest(f"'{id}' is a {name}, which is not read", "read are: start and end events, tasks of people, exclusive gateways, lanes", id)  # fmt: skip
    starts = [id for id, n in nodes.items() if _name(n) == "startEvent"]
    if len(starts) != 1:
        raise BadRequest(f"the process has {len(starts)} start events", "one", "bpmn")
    if lost := sorted({t for targets in flows.values() for t in targets} - set(nodes) | set(flows) - set(nodes)):
        raise BadRequest(f"a flow leads to or from '{lost[0]}', which is not there", "mend the sequence flow", lost[0])

    for id, node in nodes.items():
        if _name(node) in TASKS and plain.get(id, 0) > 1:
            raise BadRequest(f"{plain[id]} flows leave '{id}' at once, which BPMN means as steps side by side", "decide at an exclusive gateway", id)  # fmt: skip

    def steps_after(id: str) -> list[str]:
        """Steps that flows lead to, through gateways."""
        seen: list[str] = []
        todo, passed = list(flows.get(id, ())), set()
        while todo:
            at = todo.pop(0)
            if _name(nodes[at]) == "exclusiveGateway":
                if at not in passed:
                    passed.add(at)
                    todo = [*flows.get(at, ()), *todo]
            elif at not in seen:
                seen.append(at)
        return seen

    first = steps_after(starts[0])
    if len(first) != 1:
        raise BadRequest(f"{len(first)} steps follow the start", "one does; decide after it", starts[0])
    order = [first[0], *(id for id in nodes if id != first[0] and _name(nodes[id]) in TASKS | {"endEvent"})]
    names = _ids(order)
    roles = dict(_roles(process))
    own_role = Title(pool, pool) if pool else ACTOR
    steps = []
    for id in order:
        node = nodes[id]
        follow = tuple(names[t] for t in steps_after(id) if _name(nodes[t]) != "startEvent")
        if (_name(node) == "endEvent") == bool(follow):
            raise BadRequest(f"'{id}' {'goes on after its end' if follow else 'leads nowhere'}", "tasks lead on, end events do not", id)  # fmt: skip
        said = _held(node, "step")
        drawn = Step(names[id], _title(node, "办结" if not follow else id, "Done" if not follow else id), roles.get(id) or _group(node) or own_role, next=follow)  # fmt: skip
        steps.append(_filled(drawn, said, Step, id))
    id = process.get("id", "case")
    own = id if ID.fullmatch(id) else next(iter(_ids([id]).values()))
    kind = CaseType(own, _title(process, pool or own, pool or own), tuple(steps))
    return _filled(kind, _held(process, "case"), CaseType, id)


def _filled(plain: T, said: Mapping[str, Any], into: type[T], id: str) -> T:
    """A noun with what its extension says beside what the drawing says."""
    try:
        return msgspec.convert({**msgspec.to_builtins(plain), **said}, into)
    except msgspec.ValidationError as e:
        raise BadRequest(f"the extension of '{id}' is none of ours: {e}", "remove it, or export it anew", id) from None


def _held(node: ET.Element, name: str) -> dict[str, Any]:
    held = node.find(f"{_m('extensionElements')}/{{{OURS}}}{name}")
    if held is None or not (held.text or "").strip():
        return {}
    try:
        said = msgspec.json.decode(held.text or "")
    except (msgspec.DecodeError, RecursionError) as e:
        raise BadRequest(f"the extension of '{node.get('id')}' is no JSON: {e}", "remove it", node.get("id", "")) from None  # fmt: skip
    if not isinstance(said, dict) or said.keys() & {"id", "title", "steps", "next", "role"}:
        raise BadRequest(f"the extension of '{node.get('id')}' says what the drawing says", "remove it", node.get("id", ""))  # fmt: skip
    return said


def _extend(node: ET.Element, name: str, held: Any, left_out: tuple[str, ...], en: str) -> None:
    """Put what BPMN has no word for into the element: what differs from nothing said."""
    node.set(f"{{{OURS}}}en", en)
    usual = msgspec.to_builtins(replace(held, **_USUAL[name]))
    said = {k: v for k, v in msgspec.to_builtins(held).items() if k not in left_out and v != usual[k]}
    if said:
        inner = ET.SubElement(ET.SubElement(node, _m("extensionElements")), f"{{{OURS}}}{name}")
        inner.text = msgspec.json.encode(said).decode()


_BLANK = Title("-", "-")
_USUAL: dict[str, dict[str, Any]] = {
    name: {f: getattr(blank, f) for f in blank.__dataclass_fields__}
    for name, blank in (("step", Step("-", _BLANK, _BLANK)), ("case", CaseType("-", _BLANK, ())))
}
"""Every field of a step and of a case as it is where nothing is said."""


def _roles(process: ET.Element) -> Iterator[tuple[str, Title]]:
    for lane in process.iter(_m("lane")):
        name = lane.get("name") or ""
        if not name.strip():
            continue
        for ref in lane.findall(_m("flowNodeRef")):
            yield (ref.text or "").strip(), Title(name, lane.get(f"{{{OURS}}}en") or name)


def _group(node: ET.Element) -> Title | None:
    """The group that may do a task, as engines write it in an attribute of theirs."""
    name = next((v for k, v in node.attrib.items() if k.rpartition("}")[2] in ("candidateGroups", "assignee") and "{" not in v), "")  # fmt: skip
    return Title(name[:200], name[:200]) if name.strip() else None


def _ids(order: list[str]) -> dict[str, str]:
    """Ids of ours for ids of theirs, each once."""
    made: dict[str, str] = {}
    for id in order:
        plain = re.sub(r"[^a-z0-9]+", "_", id.lower()).strip("_")[:36]
        plain = plain if ID.fullmatch(plain) else f"step_{plain}"[:36].rstrip("_")
        taken, k = plain, 2
        while taken in made.values():
            taken, k = f"{plain}_{k}", k + 1
        made[id] = taken
    return made


def _title(node: ET.Element, zh: str, en: str) -> Title:
    name = " ".join((node.get("name") or "").split())
    return Title(name or zh, node.get(f"{{{OURS}}}en") or name or en)


def _name(node: ET.Element) -> str:
    return node.tag.rpartition("}")[2] if isinstance(node.tag, str) else ""


def _m(name: str) -> str:
    return f"{{{MODEL}}}{name}"


def _draw(root: ET.Element, process: str, nodes: list[str], edges: list[tuple[str, str]], rows: Mapping[str, int]) -> None:  # fmt: skip
    """The diagram: a column for each step from the start, a row for each role."""
    depth = {"start": 0}
    todo = ["start"]
    while todo:
        at = todo.pop(0)
        for a, b in edges:
            if a == at and b not in depth:
                depth[b] = depth[at] + 1
                todo.append(b)
    where: dict[str, tuple[int, int, int, int]] = {}
    used: dict[tuple[int, int], int] = {}
    for node in nodes:
        row = rows.get(node, rows.get(node.removeprefix("gateway_"), 0))
        cell = (depth.get(node, 0), row)
        n = used[cell] = used.get(cell, -1) + 1
        w, h = (100, 80) if node in rows else (36, 36)
        where[node] = (60 + 150 * cell[0], 60 + 240 * row + 100 * n + (80 - h) // 2, w, h)
    diagram = ET.SubElement(root, f"{{{DI}}}BPMNDiagram", {"id": "diagram"})
    plane = ET.SubElement(diagram, f"{{{DI}}}BPMNPlane", {"id": "plane", "bpmnElement": process})
    for node in nodes:
        shape = ET.SubElement(plane, f"{{{DI}}}BPMNShape", {"id": f"shape_{node}", "bpmnElement": node})
        x, y, w, h = where[node]
        ET.SubElement(shape, f"{{{DC}}}Bounds", {"x": str(x), "y": str(y), "width": str(w), "height": str(h)})
    for n, (a, b) in enumerate(edges):
        edge = ET.SubElement(plane, f"{{{DI}}}BPMNEdge", {"id": f"edge_{n}", "bpmnElement": f"flow_{n}"})
        for x, y in ((where[a][0] + where[a][2], where[a][1] + where[a][3] // 2), (where[b][0], where[b][1] + where[b][3] // 2)):  # fmt: skip
            ET.SubElement(edge, f"{{{DD}}}waypoint", {"x": str(x), "y": str(y)})
