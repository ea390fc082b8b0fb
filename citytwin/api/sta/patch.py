"""How is a document changed step by step? JSON Patch (RFC 6902)."""

from __future__ import annotations

import copy
from typing import Any

from citytwin.kernel.errors import BadRequest, CityTwinError

MOST = 1000
LARGEST = 100_000
"""Values that the steps of a patch may copy together: copies of copies multiply."""


class DifferentError(ValueError):
    """A value is not what a step tests for."""


def applied(document: Any, steps: Any, differing: type[CityTwinError] = BadRequest) -> Any:
    """The document after all steps, or none of them. Raises BadRequest, or `differing` where a test fails, naming the step."""
    if not isinstance(steps, list) or len(steps) > MOST:
        raise BadRequest(
            "a JSON Patch is a list of steps", 'such as [{"op": "replace", "path": "/name", "value": "a"}]', "body"
        )
    root = {"": copy.deepcopy(document)}
    room = LARGEST
    for n, step in enumerate(steps):
        try:
            if isinstance(step, dict) and step.get("op") == "copy":
                room -= _size(_get(root, _pointer(step["from"])), room)
            _apply(root, step)
        except DifferentError as e:
            raise differing(f"step {n} of the patch cannot be done: {e}", "RFC 6902", f"/{n}") from None
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError) as e:
            raise BadRequest(f"step {n} of the patch cannot be done: {e}", "RFC 6902", f"/{n}") from None
    return root[""]


def _apply(root: dict[str, Any], step: dict[str, Any]) -> None:
    op, path = step["op"], _pointer(step["path"])
    match op:
        case "add":
            _put(root, path, copy.deepcopy(step["value"]), grow=True)
        case "replace":
            _get(root, path)
            _put(root, path, copy.deepcopy(step["value"]), grow=False)
        case "remove":
            _take(root, path)
        case "move":
            source = _pointer(step["from"])
            if path[: len(source)] == source and path != source:
                raise ValueError("a value cannot move into itself")
            _put(root, path, _take(root, source), grow=True)
        case "copy":
            _put(root, path, copy.deepcopy(_get(root, _pointer(step["from"]))), grow=True)
        case "test":
            if not _same(_get(root, path), step["value"]):
                raise DifferentError(f"{step['path']} is not what is tested for")
        case _:
            raise ValueError(f"there is no operation '{op}'")


def _size(value: Any, room: int) -> int:
    """How many values there are in a value. Raises ValueError where they are more than there is room for."""
    count, rest = 0, [value]
    while rest:
        inside = rest.pop()
        count += 1
        if count > room:
            raise ValueError(f"the steps copy more than {LARGEST} values")
        rest.extend(inside.values() if isinstance(inside, dict) else inside if isinstance(inside, list) else ())
    return count


def _pointer(text: str) -> list[str]:
    """The steps of a JSON Pointer (RFC 6901), below a root of ours."""
    if text and not text.startswith("/"):
        raise ValueError(f"'{text}' is no JSON Pointer")
    return ["", *(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])]


def _index(part: str, size: int) -> int:
    if not part.isdigit() or (part != "0" and part.startswith("0")) or int(part) >= size:
        raise IndexError(f"there is no element {part}")
    return int(part)


def _step(inside: Any, part: str) -> Any:
    if isinstance(inside, list):
        return inside[_index(part, len(inside))]
    if not isinstance(inside, dict) or part not in inside:
        raise KeyError(f"there is no {part}")
    return inside[part]


def _get(root: Any, path: list[str]) -> Any:
    for part in path:
        root = _step(root, part)
    return root


def _put(root: Any, path: list[str], value: Any, grow: bool) -> None:
    inside, last = _get(root, path[:-1]), path[-1]
    if isinstance(inside, list):
        at = len(inside) if last == "-" and grow else _index(last, len(inside) + grow)
        inside[at : at if grow else at + 1] = [value]
    elif isinstance(inside, dict):
        inside[last] = value
    else:
        raise TypeError(f"nothing can be put below {'/'.join(path[:-1]) or 'the root'}")


def _take(root: Any, path: list[str]) -> Any:
    inside, last = _get(root, path[:-1]), path[-1]
    if isinstance(inside, list):
        return inside.pop(_index(last, len(inside)))
    _step(inside, last)
    return inside.pop(last)


def _same(a: Any, b: Any) -> bool:
    """Equal as JSON: true is not 1."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(v, b[k]) for k, v in a.items())
    return bool(a == b)
