"""What does a result look like? Data components of SWE Common (OGC 24-014) in JSON: what they must hold, which properties they name, and what fits them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

SIMPLE: Mapping[str, str] = {
    "Boolean": "",
    "Text": "",
    "Category": "",
    "Count": "",
    "Quantity": "uom",
    "Time": "uom",
    "CategoryRange": "",
    "CountRange": "",
    "QuantityRange": "uom",
    "TimeRange": "uom",
    "Geometry": "",
}
"""Components that hold one value, and what they must hold beside type, label and definition."""
PARTS: Mapping[str, tuple[str, ...]] = {
    "DataRecord": ("fields",),
    "Vector": ("coordinates",),
    "DataChoice": ("items",),
    "DataArray": ("elementType",),
    "Matrix": ("elementType",),
}
"""Components that hold others, and where."""
DEEPEST = 16
Component = Mapping[str, Any]


def fault(component: Any, deep: int = 0, definition: bool = True) -> str:
    """What is wrong with a component; nothing where it is sound. `definition` says whether values must say which property they are of."""
    if not isinstance(component, dict):
        return "is no JSON object"
    if deep > DEEPEST:
        return f"nests deeper than {DEEPEST}"
    kind = component.get("type")
    if not isinstance(kind, str) or (kind not in SIMPLE and kind not in PARTS):
        return f"has no type of SWE Common: one of {', '.join((*SIMPLE, *PARTS))}"
    if kind in SIMPLE:
        if not isinstance(component.get("label"), str):
            return f"is a {kind} without a label"
        if definition and not isinstance(component.get("definition"), str):
            return f"is a {kind} without a definition, the @id of its ObservedProperty"
        if SIMPLE[kind] and not _unit(component.get("uom")):
            return f"is a {kind} whose uom has neither code nor href"
        return ""
    parts = list(_parts(component))
    if not parts:
        return f"is a {kind} without {PARTS[kind][0]}"
    if kind in ("DataRecord", "Vector", "DataChoice"):
        names = [p.get("name") if isinstance(p, dict) else None for p in parts]
        if not all(isinstance(n, str) and n for n in names) or len(set(names)) < len(names):
            return f"is a {kind} whose {PARTS[kind][0]} have no names of their own"
    return next((found for p in parts if (found := fault(p, deep + 1, definition))), "")


def _unit(value: Any) -> bool:
    return isinstance(value, dict) and any(isinstance(value.get(k), str) and value[k] for k in ("code", "href"))


def _parts(component: Component) -> Iterator[Any]:
    held = component.get(PARTS[component["type"]][0])
    yield from held if isinstance(held, list) else [held] if isinstance(held, dict) else []


def leaves(component: Component) -> Iterator[Component]:
    """The components of a sound one that hold a value."""
    if component["type"] in SIMPLE:
        yield component
    else:
        for part in _parts(component):
            yield from leaves(part)


def defined(component: Component, definition: Callable[[Component], str]) -> dict[str, Any]:
    """The same component with other definitions of its values."""
    if component["type"] in SIMPLE:
        return {**component, "definition": definition(component)}
    name = PARTS[component["type"]][0]
    held = component[name]
    parts = [defined(p, definition) for p in held] if isinstance(held, list) else defined(held, definition)
    return {**component, name: parts}


def structure(component: Component) -> Any:
    """What must stay as it is once there are results: types and names."""
    if component["type"] in SIMPLE:
        return component["type"]
    return [component["type"], *((p.get("name"), structure(p)) for p in _parts(component))]


def misfit(result: Any, component: Component, arrays: bool = False) -> str:
    """Why a result is none of a component; nothing where it is one. `arrays` says whether records are lists. Null is always the lack of a value."""
    if result is None:
        return ""
    kind = component["type"]
    match kind:
        case "Boolean":
            return "" if isinstance(result, bool) else "is not true or false"
        case "Count":
            whole = isinstance(result, int | float) and not isinstance(result, bool) and float(result).is_integer()
            return _constrained(result, component) if whole else "is no whole number"
        case "Quantity":
            return _constrained(result, component) if _number(result) else "is no number"
        case "Text" | "Category":
            return _constrained(result, component) if isinstance(result, str) else "is no text"
        case "Time":
            return "" if isinstance(result, str) or _number(result) else "is no time"
        case "CategoryRange" | "CountRange" | "QuantityRange" | "TimeRange":
            inner = {"type": kind.removesuffix("Range")}
            if not isinstance(result, list) or len(result) != 2:
                return "is no list of two values"
            return next((f for r in result if (f := misfit(r, inner))), "")
        case "Geometry":
            return "" if isinstance(result, dict) and "type" in result else "is no geometry"
        case "DataRecord" | "Vector":
            return _record(result, component, arrays)
        case "DataChoice":
            items = {p["name"]: p for p in _parts(component)}
            if not isinstance(result, dict) or len(result) != 1 or not result.keys() <= items.keys():
                return f"is no object with one of {', '.join(items)}"
            ((name, value),) = result.items()
            return misfit(value, items[name], arrays)
    if not isinstance(result, list):
        return "is no list"
    (element,) = _parts(component)
    return next((f for r in result if (f := misfit(r, element, arrays))), "")


def _record(result: Any, component: Component, arrays: bool) -> str:
    fields = list(_parts(component))
    if arrays:
        if not isinstance(result, list) or len(result) != len(fields):
            return f"is no list of {len(fields)} values"
        values = result
    else:
        needed = {f["name"] for f in fields if not f.get("optional")}
        if not isinstance(result, dict) or not needed <= result.keys() <= {f["name"] for f in fields}:
            return f"is no object with {', '.join(f['name'] for f in fields)}"
        values = [result.get(f["name"]) for f in fields]
    pairs = zip(fields, values, strict=True)
    return next((f"{one['name']} {f}" for one, v in pairs if (f := misfit(v, one, arrays))), "")


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _constrained(value: Any, component: Component) -> str:
    """Whether a value is among those that are allowed: `values` and, for numbers, `intervals`."""
    allowed = component.get("constraint")
    if not isinstance(allowed, dict) or not allowed.keys() & {"values", "intervals"}:
        return ""
    listed, spans = allowed.get("values") or [], allowed.get("intervals") or []
    if isinstance(listed, list) and value in listed:
        return ""
    if _number(value) and isinstance(spans, list):
        for span in spans:
            if isinstance(span, list) and len(span) == 2 and all(map(_number, span)) and span[0] <= value <= span[1]:
                return ""
    return "is none of the values that are allowed"


def plain_number(component: Component | None) -> bool:
    """Whether any number is a result of a component, and nothing but a number."""
    return component is not None and component["type"] == "Quantity" and "constraint" not in component
