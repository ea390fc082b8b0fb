"""What does the file say? YAML without surprises: no `no` for false, no 5:30 for 330, no double keys, and a line for everything."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from citytwin.kernel.errors import Fault

Path = tuple[str | int, ...]


@dataclass(slots=True)
class Document:
    """A parsed file: its data, the line of every value (by path) and what was wrong with it."""

    name: str
    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def where(self, path: Path = ()) -> str:
        """`file:line` of the value at `path`, or of the nearest one around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.name}:{self.lines.get(path, 1)}"


_INT = re.compile(r"[-+]?(0|[1-9][0-9_]*)$")
_FLOAT = re.compile(r"[-+]?((0|[1-9][\d_]*)?\.\d+([eE][-+]?\d+)?|(0|[1-9]\d*)[eE][-+]?\d+)$")
_MAX_DEPTH = 40
_MAX_DIGITS = 300  # more are no number of a city, and Python refuses to read very many


def parse(text: str, name: str) -> Document:
    """Parse one YAML document. Plain scalars are null, true, false, integers, decimals or text; nothing else is guessed."""
    doc = Document(name)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as e:
        line = e.problem_mark.line + 1 if e.problem_mark else 1
        doc.faults.append(
            Fault(f"{name}:{line}", "YAML", e.problem or "cannot be read", "check indentation, quotes and colons")
        )
        return doc
    except (yaml.YAMLError, RecursionError, ValueError) as e:
        doc.faults.append(
            Fault(f"{name}:1", "YAML", f"cannot be read: {str(e).splitlines()[0] if str(e) else 'nested too deep'}")
        )
        return doc
    if node is not None:
        doc.data = _value(node, (), doc, set())
    return doc


def _value(node: yaml.Node, path: Path, doc: Document, seen: set[int]) -> Any:
    line = node.start_mark.line + 1
    doc.lines.setdefault(path, line)
    where = f"{doc.name}:{line}"
    if id(node) in seen or len(path) > _MAX_DEPTH:
        doc.faults.append(Fault(where, "YAML", "aliases and very deep nesting are not read", "write the value out"))
        return None
    if isinstance(node, yaml.MappingNode):
        seen.add(id(node))
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else ""
            key_where = f"{doc.name}:{key_node.start_mark.line + 1}"
            if not key or key == "<<" or not _encodable(key):
                doc.faults.append(Fault(key_where, "YAML", "a key must be plain text"))
            elif key in data:
                doc.faults.append(Fault(key_where, "YAML", f"key '{key}' stands twice", "keep one of them"))
            else:
                doc.lines[(*path, key)] = key_node.start_mark.line + 1
                data[key] = _value(value_node, (*path, key), doc, seen)
        return data
    if isinstance(node, yaml.SequenceNode):
        seen.add(id(node))
        return [_value(child, (*path, i), doc, seen) for i, child in enumerate(node.value)]
    assert isinstance(node, yaml.ScalarNode)
    if not _encodable(node.value):
        doc.faults.append(
            Fault(where, "YAML", "holds half a character, which no file can store", "write the character out")
        )
        return None
    if node.style is not None:  # quoted or block: text as it stands
        return node.value
    return _scalar(node.value)


def _encodable(text: str) -> bool:
    r"""Whether the text can be written: an escape such as "\ud800" alone is half a character."""
    return not any("\ud800" <= c <= "\udfff" for c in text)


def _scalar(text: str) -> Any:
    if text in ("", "null", "~"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _INT.match(text) and len(text) <= _MAX_DIGITS:
        return int(text.replace("_", ""))
    if _FLOAT.match(text) and math.isfinite(number := float(text.replace("_", ""))):
        return number
    return text
