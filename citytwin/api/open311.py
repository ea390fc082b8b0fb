"""How do citizens report? Open311 GeoReport v2 at `/open311/v2`: public kinds of cases as services, reports as requests, in XML and JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import anyio.to_thread
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from citytwin.api.house import House
from citytwin.api.parts import MULTIPART, Part, parts
from citytwin.api.problems import STATUS
from citytwin.api.route import Call, moment
from citytwin.engine import files, form, handle
from citytwin.kernel.case import CaseType, fits
from citytwin.kernel.errors import BadRequest, CityTwinError, NotFound, TooLarge, Unsupported
from citytwin.kernel.title import Title

PREFIX = "/open311/v2"
LARGEST = 256 * 1024
"""Bytes of one report."""
MOST = 1000
MOST_FILES = 5
"""Files of one report."""
CITIZEN = "市民 citizen"
SPAN = timedelta(days=90)
"""Requests of one answer, and the time it covers where no dates are given (GeoReport v2, GET Service Requests)."""
FORM = "application/x-www-form-urlencoded"
MEDIA = {"xml": "text/xml; charset=utf-8", "json": "application/json; charset=utf-8"}
CONTACT = ("email", "device_id", "account_id", "first_name", "last_name", "phone")
_PATH = re.compile(r"/(discovery|services|requests|tokens)(?:/([^/]{1,100}?))?\.(xml|json)")
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that no XML document can hold."""


class Door:
    """GeoReport v2 of one city."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"][len(PREFIX) :], scope["method"]
        found = _PATH.fullmatch(path)
        format_ = found[3] if found else "json" if path.endswith(".json") else "xml"
        call = Call(scope, receive)
        english = call.headers.get("accept-language", "").lower().startswith("en")
        allow = {}
        try:
            if found is None or (found[1] == "discovery" and found[2]) or (found[1] == "tokens" and not found[2]):
                raise NotFound("there is nothing here", "services, requests, tokens or discovery, with .xml or .json")
            takes = ("GET", "HEAD", "POST") if found[1] == "requests" and not found[2] else ("GET", "HEAD")
            if method not in takes:
                allow = {"Allow": ", ".join(takes)}
                raise _Method(f"this takes {', '.join(takes)}")
            given = _given(scope["query_string"])
            brought: list[Part] = []
            if method == "POST":
                kind = call.headers.get("content-type", "")
                match kind.partition(";")[0].strip().lower():
                    case "application/x-www-form-urlencoded":
                        given += _given(await call.body(LARGEST))
                    case "multipart/form-data":
                        fields, brought = _several(await call.body(self._house.largest_file), kind)
                        given += fields
                    case _:
                        raise Unsupported("the report comes in another form", f"send {FORM}, or {MULTIPART} with files")  # fmt: skip
            desk = Desk(self._house, english)
            work = partial(desk.answer, method, found[1], found[2], given, brought)
            names, answer = await anyio.to_thread.run_sync(work, limiter=self._house.limiter)
            status = 200
        except CityTwinError as e:
            status = 405 if isinstance(e, _Method) else next(STATUS[k][0] for k in type(e).__mro__ if k in STATUS)
            told = [(e.message, e.hint), *((f.message, f.hint) for f in e.faults)]
            names = ("errors", "error")
            answer = [{"code": str(status), "description": f"{message} ({hint})" if hint else message} for message, hint in told]  # fmt: skip
        data = _json(answer) if format_ == "json" else _xml(names, answer)
        headers = {"Cache-Control": "no-cache", "Access-Control-Allow-Origin": "*", **allow}
        await Response(b"" if method == "HEAD" else data, status, headers, MEDIA[format_])(scope, receive, send)


class _Method(BadRequest):
    """The method is not one this place takes."""


class Desk:
    """What the door answers, in one language."""

    def __init__(self, house: House, english: bool) -> None:
        self._house = house
        self._twin = house.twin
        self._english = english

    def answer(self, method: str, noun: str, id: str | None, given: list[tuple[str, str]], brought: list[Part]) -> tuple[tuple[str, str], Any]:  # fmt: skip
        """The names of the answer's elements, and the answer. Raises CityTwinError."""
        said = dict(given)
        if (where := said.get("jurisdiction_id")) and where != self._twin.city.id:
            raise NotFound(f"there is no jurisdiction '{where[:100]}'", f"it is {self._twin.city.id}", "jurisdiction_id")  # fmt: skip
        match noun, id:
            case "discovery", None:
                return ("discovery", "endpoint"), self._discovery()
            case "services", None:
                return ("services", "service"), [self._service(k) for k in self._public().values()]
            case "services", str():
                return ("service_definition", "attribute"), self._definition(self._kind(str(id)))
            case "requests", None if method == "POST":
                return ("service_requests", "request"), [self._report(given, brought)]
            case "requests", None:
                return ("service_requests", "request"), self._requests(said)
            case "requests", str():
                return ("service_requests", "request"), self._some("AND c.case_id = $id", {"id": id}, str(id))
        found = self._some("AND c.case_id = $id", {"id": id}, str(id))
        return ("service_requests", "request"), [{"service_request_id": f["service_request_id"], "token": id} for f in found]  # fmt: skip

    def _public(self) -> dict[str, CaseType]:
        return {id: k for id, k in self._twin.cases.items() if k.public}

    def _kind(self, code: str) -> CaseType:
        if code not in self._public():
            raise NotFound(f"there is no service '{code[:100]}'", "see services", "service_code")
        return self._public()[code]

    def _say(self, title: Title | Mapping[str, str]) -> str:
        if isinstance(title, Title):
            return title.en if self._english else title.zh
        return str(title.get("en" if self._english else "zh", ""))

    def _service(self, kind: CaseType) -> dict[str, Any]:
        pack = next(p for p in self._twin.packs if kind.id.startswith(f"{p.id}."))
        return {
            "service_code": kind.id,
            "service_name": self._say(kind.title),
            "description": self._say(kind.about or kind.title),
            "metadata": kind.form is not None,
            "type": "realtime",
            "keywords": "",
            "group": self._say(pack.title),
        }

    def _definition(self, kind: CaseType) -> dict[str, Any]:
        schema = kind.form or {}
        made = []
        for n, (code, field) in enumerate(schema.get("properties", {}).items(), 1):
            values = _choices(field)
            names = {str(o["const"]): self._say(o.get("titles", {})) for o in _options(field)}
            made.append(
                {
                    "variable": True, "code": code, "datatype": _datatype(field), "required": code in schema.get("required", ()), "datatype_description": str(field.get("description", "")),
                    "order": n, "description": self._say(field.get("titles", {})), **({"values": [{"key": v, "name": names.get(v) or v} for v in values]} if values else {}),
                }
            )  # fmt: skip
        return {"service_code": kind.id, "attributes": made}

    def _report(self, given: list[tuple[str, str]], brought: list[Part]) -> dict[str, Any]:
        said = dict(given)
        if not said.get("service_code"):
            raise BadRequest("service_code was not provided", "see services", "service_code")
        kind = self._kind(said["service_code"])
        lat, long, address = said.get("lat", ""), said.get("long", ""), said.get("address_string", "")[:500]
        if not (lat and long) and not address:
            raise BadRequest("it is not said where", "give lat and long, or address_string", "lat")
        try:
            place = (float(long), float(lat)) if lat and long else (None, None)
        except ValueError:
            raise BadRequest("lat and long are no numbers", "degrees in WGS 84", "lat") from None
        if any(p is not None and not -180 <= p <= 180 for p in place):
            raise BadRequest("the place is none", "long from -180 to 180, lat from -90 to 90", "lat")
        url = said.get("media_url", "")
        if url and (not re.match(r"https?://[^\s]+$", url) or len(url) > 2000):
            raise BadRequest("media_url is no address", "http:// or https://, at most 2000 characters", "media_url")
        reporter = {k: said[k][:200] for k in CONTACT if said.get(k)}
        filled = form.checked(kind.form, _attributes(kind, given), "form")  # before any file is kept
        kept = [
            files.keep(self._twin, p.data, p.filename or "file", CITIZEN).sha256 for p in self._media(kind, brought)
        ]
        made = handle.open_case(
            self._twin, kind.id, CITIZEN, "form", said.get("description", ""), longitude=place[0], latitude=place[1], form_=filled,
            files=[{"sha256": sha256} for sha256 in dict.fromkeys(kept)], reporter=reporter, address=address, media_url=url,
        )  # fmt: skip
        return {"service_request_id": made.id, "service_notice": "", "account_id": ""}

    def _media(self, kind: CaseType, brought: list[Part]) -> list[Part]:
        """The files of a report, as far as the kind takes them. Raises BadRequest, TooLarge, Unsupported."""
        limits = kind.attachments
        if len(brought) > min(MOST_FILES, limits.most):
            raise BadRequest(f"{len(brought)} files are too many", f"at most {min(MOST_FILES, limits.most)} with a report", "media")  # fmt: skip
        for part in brought:
            name, media = (part.filename or "file")[:100], form.media(part.data)
            if not part.data:
                raise BadRequest(f"'{name}' is empty", "choose another file", "media")
            if len(part.data) > limits.largest:
                raise TooLarge(f"'{name}' has {len(part.data)} bytes", f"at most {limits.largest}", "media")
            if not fits(media, limits.media):
                raise Unsupported(f"'{name}' is {media}", f"send {' or '.join(limits.media)}", "media")
        return brought

    def _requests(self, said: Mapping[str, str]) -> list[dict[str, Any]]:
        known = {"service_request_id", "service_code", "start_date", "end_date", "status", "jurisdiction_id", "api_key", "extensions"}  # fmt: skip
        if unknown := sorted(set(said) - known):
            raise BadRequest(f"'{unknown[0][:100]}' is not a parameter here", f"known: {', '.join(sorted(known))}", unknown[0][:100])  # fmt: skip
        if ids := said.get("service_request_id"):
            return self._some("AND list_contains($ids, c.case_id)", {"ids": ids.split(",")[:MOST]})
        zone = self._twin.city.zone
        try:
            start = moment(said["start_date"], zone) if said.get("start_date") else None
            end = moment(said["end_date"], zone) if said.get("end_date") else None
        except ValueError as e:
            raise BadRequest(f"a date is none: {e}", "such as 2026-03-10T08:00:00Z", "start_date") from None
        end = end or (start + SPAN if start else self._house.now())
        start = start or end - SPAN
        if not timedelta() <= end - start <= SPAN:
            raise BadRequest("the span is none, or too long", f"at most {SPAN.days} days", "end_date")
        tests = "AND c.opened >= $start AND c.opened <= $end"
        params: dict[str, Any] = {"start": start, "end": end}
        if code := said.get("service_code"):
            codes = code.split(",")[:100]
            for one in codes:
                self._kind(one)
            tests += " AND list_contains($codes, c.type)"
            params["codes"] = codes
        if status := said.get("status"):
            if status not in ("open", "closed"):
                raise BadRequest(f"status is '{status[:50]}'", "open or closed", "status")
            tests += f" AND c.closed IS {'NULL' if status == 'open' else 'NOT NULL'}"
        return self._some(tests, params)

    def _some(self, tests: str, params: Mapping[str, Any], wanted: str = "") -> list[dict[str, Any]]:
        """Requests that citizens made. Raises NotFound where the one that is wanted is none."""
        kinds = list(self._public())
        sql = f"""SELECT c.*, e.note, e.body, l.time AS updated FROM case_file AS c JOIN case_event AS e ON e.case_id = c.case_id AND e.n = 1
                  JOIN (SELECT case_id, max(time) AS time FROM case_event WHERE act NOT IN ('notify', 'comment') GROUP BY case_id) AS l ON l.case_id = c.case_id
                  WHERE c.source = 'form' AND list_contains($kinds, c.type) {tests} ORDER BY c.opened DESC, c.case_id LIMIT {MOST:d}"""
        rows = self._house.rows(sql, {"kinds": kinds, **params})
        if wanted and not rows:
            raise NotFound(f"there is no request '{wanted[:100]}'", "give the id that was answered", "service_request_id")  # fmt: skip
        ids = [r["case_id"] for r in rows]
        heard = self._house.rows(
            "SELECT case_id, arg_max(note, n) AS note FROM case_event WHERE act = 'comment' AND list_contains($ids, case_id) AND body LIKE '%\"public\":true%' GROUP BY case_id",
            {"ids": ids},
        )
        notes = {r["case_id"]: r["note"] for r in heard}
        return [self._request(r, notes.get(r["case_id"], "")) for r in rows]

    def _request(self, row: Mapping[str, Any], note: str) -> dict[str, Any]:
        kind = self._twin.cases[row["type"]]
        step = kind.step(row["step"])
        role = Title(row["charge_zh"], row["charge_en"]) if row["charge_zh"] else step.role if step else None
        body = json.loads(row["body"])
        due = row["whole_due"] or row["due"]
        return {
            "service_request_id": row["case_id"],
            "status": "closed" if row["closed"] else "open",
            "status_notes": note or (self._say(step.title) if step else ""),
            "service_name": self._say(kind.title),
            "service_code": kind.id,
            "description": row["note"],
            "agency_responsible": self._say(role) if role else "",
            "service_notice": "",
            "requested_datetime": _time(row["opened"]),
            "updated_datetime": _time(row["updated"]),
            "expected_datetime": _time(due) if due else "",
            "address": body.get("address", ""),
            "address_id": "",
            "zipcode": "",
            "lat": row["latitude"] if row["latitude"] is not None else "",
            "long": row["longitude"] if row["longitude"] is not None else "",
            "media_url": body.get("media_url", ""),
        }

    def _discovery(self) -> dict[str, Any]:
        endpoint = {
            "specification": "http://wiki.open311.org/GeoReport_v2",
            "url": PREFIX,
            "changeset": "2026-11-28 00:00",
            "type": "production",
            "formats": [{"format": "text/xml"}, {"format": "application/json"}],
        }
        return {"changeset": "2026-11-28 00:00", "contact": self._say(self._twin.city.title), "key_service": "", "endpoints": [endpoint]}  # fmt: skip


def _given(raw: bytes) -> list[tuple[str, str]]:
    try:
        return [(k, _ILLEGAL.sub("", v).strip()) for k, v in parse_qsl(raw.decode("utf-8"), keep_blank_values=True, max_num_fields=500, errors="strict")]  # fmt: skip
    except UnicodeDecodeError:
        raise BadRequest("the request is not UTF-8", "encode it as UTF-8", "body") from None
    except ValueError:
        raise TooLarge("the request has more than 500 fields", "fewer", "body") from None


def _several(raw: bytes, content_type: str) -> tuple[list[tuple[str, str]], list[Part]]:
    """The fields of a report in several parts, and its files (`media`, `media[]`). Raises BadRequest, TooLarge."""
    fields: list[tuple[str, str]] = []
    brought: list[Part] = []
    for part in parts(raw, content_type):
        if part.filename is None:
            try:
                fields.append((part.name, _ILLEGAL.sub("", part.data.decode("utf-8")).strip()))
            except UnicodeDecodeError:
                raise BadRequest(f"field '{part.name[:60]}' is not UTF-8", "encode it as UTF-8", part.name[:60]) from None  # fmt: skip
        elif part.name not in ("media", "media[]"):
            raise BadRequest(f"there is a file in '{part.name[:60]}'", "files come as media", part.name[:60])
        elif part.filename or part.data:  # a browser sends an empty part where no file was chosen
            brought.append(part)
    if sum(len(k) + len(v) for k, v in fields) > LARGEST:
        raise TooLarge("the fields of the report are too long", f"at most {LARGEST} bytes", "body")
    return fields, brought


def _options(field: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Choices that have titles: `oneOf` with a `const` each."""
    return [o for o in field.get("oneOf", field.get("items", {}).get("oneOf", ())) if "const" in o]


def _choices(field: Mapping[str, Any]) -> list[str]:
    if field.get("type") == "boolean":
        return ["true", "false"]
    if options := _options(field):
        return [str(o["const"]) for o in options]
    return [str(v) for v in field.get("enum", field.get("items", {}).get("enum", ()))]


def _datatype(field: Mapping[str, Any]) -> str:
    if field.get("type") == "array":
        return "multivaluelist"
    if _choices(field):
        return "singlevaluelist"
    if field.get("type") in ("number", "integer"):
        return "number"
    if field.get("format") in ("date", "date-time"):
        return "datetime"
    return "text" if field.get("maxLength", 0) > 200 else "string"


def _attributes(kind: CaseType, given: list[tuple[str, str]]) -> dict[str, Any]:
    """The form that `attribute[code]` and `attribute[code][]` fill in, in the types of the schema; what does not fit is left for the form to refuse."""
    fields = (kind.form or {}).get("properties", {})
    made: dict[str, Any] = {}
    for key, text in given:
        found = re.fullmatch(r"attribute\[([^\]]{1,100})\](\[\])?", key)
        if not found or not text:
            continue
        field = fields.get(found[1], {})
        if field.get("type") == "array":
            made.setdefault(found[1], []).append(text)
        else:
            made[found[1]] = _typed(field.get("type"), text)
    return made


def _typed(kind: object, text: str) -> Any:
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    if kind in ("number", "integer") and re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", text):
        return int(text) if re.fullmatch(r"-?\d+", text) else float(text)
    return text


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(answer: Any) -> bytes:
    return json.dumps(answer, ensure_ascii=False, allow_nan=False).encode()


_SINGLE = {"attributes": "attribute", "values": "value", "endpoints": "endpoint", "formats": "format"}


def _xml(names: tuple[str, str], answer: Any) -> bytes:
    root, item = names
    inner = "".join(_element(item, one) for one in answer) if isinstance(answer, list) else _inner(answer)
    return f'<?xml version="1.0" encoding="utf-8"?>\n<{root}>{inner}</{root}>\n'.encode()


def _inner(given: Mapping[str, Any]) -> str:
    return "".join(_element(k, v) for k, v in given.items())


def _element(name: str, given: Any) -> str:
    if isinstance(given, Mapping):
        if list(given) == ["format"]:  # <formats><format>text/xml</format></formats>
            return _element(name, given["format"])
        return f"<{name}>{_inner(given)}</{name}>"
    if isinstance(given, list):
        return f"<{name}>{''.join(_element(_SINGLE.get(name, 'item'), g) for g in given)}</{name}>"
    text = str(given).lower() if isinstance(given, bool) else str(given)
    return f"<{name}>{escape(_ILLEGAL.sub('', text))}</{name}>" if text else f"<{name}/>"
