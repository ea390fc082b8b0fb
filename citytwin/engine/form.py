"""Is the form filled in as it should be? What people send is held against JSON Schema, and files against what may be attached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import jsonschema
import msgspec

from citytwin.engine import files
from citytwin.engine.twin import Twin
from citytwin.kernel import pattern
from citytwin.kernel.case import File, Limits, fits
from citytwin.kernel.errors import BadRequest, Fault, NotFound, TooLarge, Unsupported

LARGEST = 65_536
"""Bytes of a form, as JSON."""
DEEPEST = 8
MOST = 500
"""Values in a form."""
KEYWORDS = frozenset(
    [
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "enum",
        "const",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "pattern",
        "format",
        "minItems",
        "maxItems",
        "uniqueItems",
        "title",
        "titles",
        "description",
        "default",
        "oneOf",
        "anyOf",
        "allOf",
        "not",
        "if",
        "then",
        "else",
        "dependentRequired",
        "minProperties",
        "maxProperties",
    ]
)
"""What a form's schema may say. References are left out: nothing is fetched, and nothing goes round in a circle."""


def checked(schema: Mapping[str, Any] | None, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A form that fits its schema. Raises TooLarge, or BadRequest with a fault for every field that does not."""
    try:
        raw = msgspec.json.encode(given)
    except (TypeError, ValueError, RecursionError) as e:
        raise BadRequest(f"the form is not JSON: {e}", "", where) from None
    if len(raw) > LARGEST:
        raise TooLarge(f"the form has {len(raw)} bytes", f"at most {LARGEST}; attach a file instead", where)
    if sum(1 for _ in _values(given, where)) > MOST:
        raise TooLarge(f"the form has more than {MOST} values", "attach a file instead", where)
    if schema is None:
        if given:
            raise BadRequest("there is no form to fill in here", f"leave out: {', '.join(list(given)[:10])}", where)
        return {}
    found = []
    for error in _validator(msgspec.json.encode(schema)).iter_errors(given):
        path = ".".join(str(p) for p in error.absolute_path)
        if error.validator == "required":  # told at the field that is not there
            path = f"{path}.{_lacked(error)}" if path else _lacked(error)
        found.append(Fault(f"{where}.{path}" if path else where, "FORM", _said(error), ""))
        if len(found) == 50:
            break
    if found:
        raise BadRequest(f"the form has {len(found)} faults: {found[0].message}", "see faults", found[0].where, tuple(found))  # fmt: skip
    return dict(given)


@lru_cache(256)
def _validator(schema: bytes) -> Any:
    made = msgspec.json.decode(schema)
    closed = made if "additionalProperties" in made else {**made, "additionalProperties": False}
    return _Validator(closed, format_checker=jsonschema.FormatChecker())


def _pattern(_validator: Any, wanted: str, given: Any, _schema: Any) -> Iterator[jsonschema.ValidationError]:
    """`pattern` with bounded cost: who fills in a form chooses the text."""
    if isinstance(given, str) and not pattern.compiled(wanted).fits(given):
        yield jsonschema.ValidationError(f"{given[:60]!r} does not fit {wanted}")


_extend: Any = jsonschema.validators.extend  # which has no types
_Validator = _extend(jsonschema.Draft202012Validator, {"pattern": _pattern})


def _values(given: Any, where: str, depth: int = 0) -> Iterator[None]:
    if depth > DEEPEST:
        raise BadRequest(f"the form is nested deeper than {DEEPEST}", "make it flat", where)
    yield None
    for inner in given.values() if isinstance(given, Mapping) else given if isinstance(given, list) else ():
        yield from _values(inner, where, depth + 1)


def _said(error: jsonschema.ValidationError) -> str:
    name = ".".join(str(p) for p in error.absolute_path) or "the form"
    wanted: Any = error.validator_value
    instance: Any = error.instance
    match error.validator:
        case "required":
            return f"{name} lacks {_lacked(error)}"
        case "additionalProperties":
            schema: Any = error.schema
            return f"{name} has unknown fields: {', '.join(sorted(set(instance) - set(schema.get('properties', {})))[:10])}"  # fmt: skip
        case "enum":
            return f"{name} is {str(instance)[:60]!r}, not one of {', '.join(map(str, wanted))}"
        case "type":
            return f"{name} is not of type {wanted}"
    return f"{name}: {error.message[:160]}"


def _lacked(error: jsonschema.ValidationError) -> str:
    """The required field that is not there: each is an error of its own, which names it in its words only."""
    wanted: Any = error.validator_value
    return next(str(n) for n in wanted if error.message.startswith(repr(n)))


def flaws(schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """What is wrong with a form's schema: what, and what to do. Every field has `titles` in Chinese and English."""
    if not path:
        try:
            jsonschema.Draft202012Validator.check_schema(dict(schema))
        except jsonschema.SchemaError as e:
            yield f"is no JSON Schema: {e.message[:160]}", "see json-schema.org"
            return
        if schema.get("type") != "object" or not schema.get("properties"):
            yield "is no form: type is not object, or it has no properties", "type: object, properties: {…}"
    for key in schema:
        if key not in KEYWORDS:
            yield f"'{key}' is not known in a form{path}", f"known: {', '.join(sorted(KEYWORDS))}"
    if isinstance(schema.get("pattern"), str):
        try:
            pattern.compiled(schema["pattern"])
        except BadRequest as e:
            yield f"has a pattern{path} that is not taken: {e.message}", e.hint
    for name in schema.get("required", ()):
        if name not in schema.get("properties", {}):
            yield f"'{name}' is required and no property{path}", "name a property"
    for name, inner in schema.get("properties", {}).items():
        if not isinstance(inner, Mapping):
            continue
        titles = inner.get("titles")
        if not isinstance(titles, Mapping) or not all(str(titles.get(k) or "").strip() for k in ("zh", "en")):
            yield f"field '{name}'{path} has no titles in both languages", "titles: {zh: …, en: …}"
        yield from flaws(inner, f"{path} in '{name}'")
    if isinstance(items := schema.get("items"), Mapping):
        yield from flaws(items, f"{path} in items")


_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\xd0\xcf\x11\xe0", "application/x-ole-storage"),
)


def media(data: bytes) -> str:
    """The media type that the bytes themselves tell; the name of a file is not believed."""
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:8] == b"ftyp":
        return "video/mp4"
    try:
        return "text/plain" if b"\0" not in data and data.decode("utf-8") is not None else "application/octet-stream"
    except UnicodeDecodeError:
        return "application/octet-stream"


def attached(
    twin: Twin, given: Sequence[Mapping[str, str]], limits: Limits, proofs: Mapping[str, tuple[str, ...]], already: int
) -> list[File]:
    """Files (sha256, proof) that were sent before, held against what may be attached. Raises NotFound, TooLarge, Unsupported, BadRequest."""
    if already + len(given) > limits.most:
        raise BadRequest(f"{already + len(given)} files are too many", f"at most {limits.most} for a case", "files")
    found = []
    for f in given:
        try:
            kept, data = files.content(twin.store, f["sha256"])
        except NotFound:
            raise NotFound(f"there is no file '{f['sha256'][:64]}'", "send it to /api/files first", "files") from None
        kind = media(data)
        if kept.size > limits.largest:
            raise TooLarge(f"'{kept.name}' has {kept.size} bytes", f"at most {limits.largest}", "files")
        if not fits(kind, limits.media):
            raise Unsupported(f"'{kept.name}' is {kind}", f"send {' or '.join(limits.media)}", "files")
        proof = f.get("proof", "")
        if proof and proof not in proofs:
            raise BadRequest(f"nothing asks for the proof '{proof[:60]}'", f"asked for: {', '.join(proofs) or 'none'}", "files")  # fmt: skip
        if proof and not fits(kind, proofs[proof]):
            raise Unsupported(f"'{kept.name}' is {kind}, which does not show '{proof}'", f"send {' or '.join(proofs[proof])}", "files")  # fmt: skip
        found.append(File(kept.sha256, kept.name, kept.size, kind, proof))
    return found
