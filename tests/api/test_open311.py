"""Open311 GeoReport v2 against the specification's own field lists, in XML and JSON; what citizens may not see, and hostile reports."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from citytwin.api.house import House
from citytwin.engine import handle
from citytwin.kernel.title import Title

from .conftest import Caller

# wiki.open311.org/GeoReport_v2: the fields of each answer
SERVICE = "service_code service_name description metadata type keywords group"
ATTRIBUTE = "variable code datatype required datatype_description order description"
REQUEST = """service_request_id status status_notes service_name service_code description agency_responsible service_notice
  requested_datetime updated_datetime expected_datetime address address_id zipcode lat long media_url"""
SCHEMA = {
    "type": "object",
    "required": ["lamps"],
    "properties": {
        "lamps": {"type": "integer", "minimum": 1, "titles": {"zh": "盏数", "en": "Lamps"}},
        "kind": {"type": "string", "enum": ["dark", "hot"], "titles": {"zh": "现象", "en": "Kind"}},
        "seen": {"type": "array", "items": {"enum": ["day", "night"]}, "titles": {"zh": "时段", "en": "Seen"}},
        "urgent": {"type": "boolean", "titles": {"zh": "紧急", "en": "Urgent"}},
    },
}


@pytest.fixture
def street(own: Caller, own_house: House) -> Caller:
    """A city whose kind `cooling` is public."""
    kind = own_house.twin.cases["trial.cooling"]
    about = Title("报告路灯问题 <&>", "Report a street light <&>")
    own_house.twin.cases = {"trial.cooling": replace(kind, public=True, about=about, form=SCHEMA, days=10)}
    return own


def report(street: Caller, status: int = 200, **more: str) -> Any:
    form = {"service_code": "trial.cooling", "lat": "30.9", "long": "121.9", "description": "灯太热 <b>", "attribute[lamps]": "2", "email": "a@b.cn", "first_name": "张三", **more}  # fmt: skip
    answer = street.post("/open311/v2/requests.json", data={k: v for k, v in form.items() if v})
    assert answer.status_code == status, answer.text
    return answer.json()


def test_choices_are_told_by_their_titles(street: Caller, own_house: House) -> None:
    """A value list has a key and a human readable name for each (GeoReport v2, GET Service Definition)."""
    kind = own_house.twin.cases["trial.cooling"]
    choice = {"oneOf": [{"const": "dark", "titles": {"zh": "不亮", "en": "Dark"}}, {"const": "hot"}], "titles": {"zh": "现象", "en": "Kind"}}  # fmt: skip
    own_house.twin.cases = {kind.id: replace(kind, form={"type": "object", "properties": {"kind": choice}})}
    (told,) = street.get("/open311/v2/services/trial.cooling.json").json()["attributes"]
    assert (told["datatype"], told["values"]) == ("singlevaluelist", [{"key": "dark", "name": "不亮"}, {"key": "hot", "name": "hot"}])  # fmt: skip
    id = report(street, **{"attribute[kind]": "dark", "attribute[lamps]": ""})[0]["service_request_id"]
    assert street.get(f"/api/cases/{id}").json()["facts"] == {"kind": "dark"}
    report(street, 400, **{"attribute[kind]": "gone", "attribute[lamps]": ""})


def test_services_and_definitions_against_the_specification(street: Caller) -> None:
    (service,) = street.get("/open311/v2/services.json").json()
    assert set(service) == set(SERVICE.split())
    assert (service["service_code"], service["metadata"], service["service_name"]) == ("trial.cooling", True, "降温")
    root = ET.fromstring(street.get("/open311/v2/services.xml", headers={"accept-language": "en"}).content)
    assert (root.tag, [c.tag for c in root[0]]) == ("services", SERVICE.split())
    assert root[0].findtext("description") == "Report a street light <&>"
    assert root[0].findtext("metadata") == "true"
    told = street.get("/open311/v2/services/trial.cooling.json").json()
    assert [(a["code"], a["datatype"], a["required"]) for a in told["attributes"]] == [
        ("lamps", "number", True), ("kind", "singlevaluelist", False), ("seen", "multivaluelist", False), ("urgent", "singlevaluelist", False),
    ]  # fmt: skip
    assert set(ATTRIBUTE.split()) == set(told["attributes"][0])
    xml = ET.fromstring(street.get("/open311/v2/services/trial.cooling.xml").content)
    assert xml.tag == "service_definition"
    assert [v.findtext("key") for v in xml.findall("attributes/attribute[2]/values/value")] == ["dark", "hot"]
    discovery = ET.fromstring(street.get("/open311/v2/discovery.xml").content)
    assert [f.text for f in discovery.findall("endpoints/endpoint/formats/format")] == ["text/xml", "application/json"]


def test_a_report_from_post_to_close(street: Caller, own_house: House) -> None:
    (made,) = report(street, **{"attribute[kind]": "hot", "attribute[seen][]": "night", "attribute[urgent]": "true"})
    id = made["service_request_id"]
    assert handle.load(own_house.twin, id)[0].facts == {"lamps": 2, "kind": "hot", "seen": ["night"], "urgent": True}
    assert street.get(f"/open311/v2/tokens/{id}.json").json() == [{"service_request_id": id, "token": id}]
    (shown,) = street.get(f"/open311/v2/requests/{id}.json").json()
    assert set(shown) == set(REQUEST.split())
    assert (shown["status"], shown["description"], shown["lat"], shown["requested_datetime"]) == ("open", "灯太热 <b>", 30.9, "2026-03-10T04:00:00Z")  # fmt: skip
    assert shown["expected_datetime"] == "2026-03-24T16:00:00Z"  # ten working days: the end of Tuesday in two weeks
    street.post(f"/api/cases/{id}/acts", json={"act": "comment", "by": "王", "note": "已派人", "public": True})
    street.post(f"/api/cases/{id}/acts", json={"act": "comment", "by": "王", "note": "内部", "public": False})
    street.post(f"/api/cases/{id}/advance", json={"to": "done", "by": "王"})
    root = ET.fromstring(street.get(f"/open311/v2/requests/{id}.xml").content)
    assert (root.tag, [c.tag for c in root[0]]) == ("service_requests", REQUEST.split())
    assert (root[0].findtext("status"), root[0].findtext("status_notes")) == ("closed", "已派人")
    assert [r["service_request_id"] for r in street.get("/open311/v2/requests.json?status=closed&service_code=trial.cooling").json()] == [id]  # fmt: skip
    assert street.get("/open311/v2/requests.json?status=open").json() == []
    assert len(street.get(f"/open311/v2/requests.json?service_request_id={id},nope").json()) == 1


def test_citizens_see_no_contacts_and_no_cases_of_others(street: Caller, own_house: House) -> None:
    (made,) = report(street)
    alarms = {c["id"] for c in street.get("/api/cases").json()["items"]} - {made["service_request_id"]}
    assert alarms
    every = street.get("/open311/v2/requests.json")
    assert [r["service_request_id"] for r in every.json()] == [made["service_request_id"]]
    assert "a@b.cn" not in every.text
    assert "张三" not in every.text
    assert street.get(f"/open311/v2/requests/{alarms.pop()}.json").status_code == 404
    assert street.get("/api/cases/" + made["service_request_id"]).json()["history"][0]["body"]["reporter"]["email"] == "a@b.cn"  # fmt: skip


BAD: list[tuple[dict[str, str], int, str]] = [
    ({"service_code": ""}, 400, "service_code"),
    ({"service_code": "none"}, 404, "no service"),
    ({"lat": "", "long": ""}, 400, "not said where"),
    ({"lat": "north"}, 400, "no numbers"),
    ({"lat": "95"}, 400, "place is none"),
    ({"long": "nan"}, 400, "place is none"),
    ({"attribute[lamps]": ""}, 400, "lacks lamps"),
    ({"attribute[lamps]": "many"}, 400, "lamps is not of type integer"),
    ({"attribute[kind]": "blue"}, 400, "not one of dark, hot"),
    ({"attribute[other]": "x"}, 400, "unknown fields: other"),
    ({"media_url": "javascript:alert(1)"}, 400, "media_url"),
    ({"jurisdiction_id": "elsewhere"}, 404, "jurisdiction"),
    ({"description": "x" * 20_000}, 400, "note is too long"),
    ({"description": "x" * 300_000}, 413, "262144"),
]


def test_reports_at_fault_are_told_as_the_specification_says(street: Caller, own_house: House) -> None:
    before = own_house.rows("SELECT count(*) AS n FROM case_file")
    for more, status, said in BAD:
        told = report(street, status, **more)
        assert told[0]["code"] == str(status)
        assert any(said in e["description"] for e in told), told
    assert own_house.rows("SELECT count(*) AS n FROM case_file") == before


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/open311/v2/nothing.xml", 404),
        ("GET", "/open311/v2/services", 404),
        ("GET", "/open311/v2/services/none.xml", 404),
        ("GET", "/open311/v2/requests/none.json", 404),
        ("GET", "/open311/v2/requests.xml?status=lost", 400),
        ("GET", "/open311/v2/requests.xml?start_date=2025-01-01T00:00:00Z&end_date=2026-01-01T00:00:00Z", 400),
        ("GET", "/open311/v2/requests.xml?start_date=yesterday", 400),
        ("GET", "/open311/v2/requests.xml?page=2", 400),
        ("GET", "/open311/v2/requests.xml?service_request_id=%FF", 400),
        ("POST", "/open311/v2/requests.xml", 415),
        ("DELETE", "/open311/v2/requests.xml", 405),
        ("POST", "/open311/v2/services.xml", 405),
    ],
)
def test_errors_are_in_the_form_that_was_asked_for(client: Caller, method: str, path: str, status: int) -> None:
    answer = client.request(method, path, headers={"content-type": "text/plain"} if method == "POST" else {})
    assert answer.status_code == status, answer.text
    if ".json" in path:
        assert answer.json()[0]["code"] == str(status)
    else:
        root = ET.fromstring(answer.content)
        assert (root.tag, root.findtext("error/code")) == ("errors", str(status))


def test_signs_that_xml_cannot_hold_are_left_out(street: Caller) -> None:
    (made,) = report(street, description="a\x00b\x0bc ]]> <d/> ￿")
    root = ET.fromstring(street.get(f"/open311/v2/requests/{made['service_request_id']}.xml").content)
    assert root[0].findtext("description") == "abc ]]> <d/>"


PNG, JPEG = b"\x89PNG\r\n\x1a\n\r\n--x\r\n\0" * 20, b"\xff\xd8\xff" + bytes(range(256))
FIELDS = {"service_code": "trial.cooling", "lat": "30.9", "long": "121.9", "description": "灯太热", "attribute[lamps]": "2"}  # fmt: skip


def test_photographs_come_with_a_report_byte_by_byte(street: Caller, own_house: House) -> None:
    brought = [("media", ('灯 "1".png', PNG, "image/png")), ("media", ("b.jpg", JPEG, "text/html"))]
    answer = street.post("/open311/v2/requests.json", data=FIELDS, files=brought)
    assert answer.status_code == 200, answer.text
    id = answer.json()[0]["service_request_id"]
    held, _ = handle.load(own_house.twin, id)
    assert [(f.media, f.size) for f in held.files] == [("image/png", len(PNG)), ("image/jpeg", len(JPEG))]
    assert [own_house.twin.store.fetch("SELECT data FROM file_row WHERE sha256 = $s", {"s": f.sha256})["data"][0].as_py() for f in held.files] == [PNG, JPEG]  # fmt: skip
    assert held.files[0].name == '灯 "1".png'
    (seen,) = street.get(f"/open311/v2/requests/{id}.json").json()
    assert (seen["description"], seen["media_url"]) == ("灯太热", "")
    none = street.post("/open311/v2/requests.json", data=FIELDS, files={"media": ("", b"", "application/octet-stream")})
    assert none.status_code == 200, none.text


BAD_UPLOADS: list[tuple[list[Any], dict[str, str], int, str]] = [
    ([("media", ("a.png", b"<script>", "image/png"))] * 6, {}, 400, "6 files are too many"),
    ([("media", ("a.exe", b"MZ\0\0", "image/png"))], {}, 415, "octet-stream"),
    ([("media", ("a.png", PNG + bytes(21_000_000), "image/png"))], {}, 413, "at most 20000000"),
    ([("media", ("a.png", b"", "image/png"))], {}, 400, "is empty"),
    ([("photo", ("a.png", PNG, "image/png"))], {}, 400, "files come as media"),
    ([("media", ("a.png", PNG, "image/png"))], {"attribute[lamps]": "0"}, 400, "lamps"),
    ([("media", ("a.png", PNG, "image/png"))], {"description": "长" * 30_000}, 413, "at most"),
]


def test_uploads_at_fault_keep_nothing(street: Caller, own_house: House) -> None:
    store = own_house.twin.store
    before = store.fetch("SELECT count(*) AS n FROM file")["n"][0].as_py()
    for brought, more, status, told in BAD_UPLOADS:
        answer = street.post("/open311/v2/requests.json", data={**FIELDS, **more}, files=brought)
        assert (answer.status_code, told in answer.text) == (status, True), answer.text
    form = "multipart/form-data; boundary=x"
    for kind, body, told in (
        (form, b"", "ends before"), (form, b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1", "ends before"), ("multipart/form-data", b"--x--", "no boundary"),
        (form, b"--x\r\n\r\n1\r\n--x--", "no head"), (form, b"--x\r\nA: b\r\n\r\n1\r\n--x--", "no name"), (form, b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n\xff\r\n--x--", "not UTF-8"),
        (form, b"--x\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64\r\n\r\nMQ==\r\n--x--", "is coded"),
        (form, b"".join(b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n" for _ in range(300)) + b"--x--", "300 parts"),
    ):  # fmt: skip
        answer = street.post("/open311/v2/requests.json", content=body, headers={"content-type": kind})
        assert 400 <= answer.status_code < 500, answer.text
        assert told in answer.text
    assert store.fetch("SELECT count(*) AS n FROM file")["n"][0].as_py() == before
    assert store.fetch("SELECT count(*) AS n FROM case_file WHERE source = 'form'")["n"][0].as_py() == 0
