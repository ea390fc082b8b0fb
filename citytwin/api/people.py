"""Who is there, and what may they do? People, bodies, tokens, sessions and the record of who did what."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import msgspec
import pyarrow as pa
import segno

from citytwin.api.house import House
from citytwin.api.route import Body, Query, Route
from citytwin.engine.people import TOKEN_DAYS, Pass, People
from citytwin.engine.scope import Scopes
from citytwin.kernel import right
from citytwin.kernel.errors import BadRequest, Conflict, Fault, Forbidden, NotFound
from citytwin.kernel.right import CALLER, RIGHTS, ROLES, Caller, Grant, Person
from citytwin.kernel.title import Title

Id = Annotated[str, msgspec.Meta(max_length=60)]
Word = Annotated[str, msgspec.Meta(max_length=200)]


class Me(msgspec.Struct, frozen=True):
    """Whoever asks: who they are, what they may, and whether anybody is asked at all (`open`: nobody is).

    `part` is how many assets they may see, where it is not all of the city.
    """

    id: str
    title: str
    body: str
    via: str
    rights: list[str]
    open: bool
    secured: bool
    part: int | None = None
    must_secure: bool = False
    """A second factor is asked of them, and they have none: they may nothing until they set it up."""


class RoleShown(msgspec.Struct, frozen=True):
    """A role, and the rights in it."""

    id: str
    title: Title
    rights: list[str]


class Roles(msgspec.Struct, frozen=True):
    """What there is to be granted."""

    roles: list[RoleShown]
    rights: dict[str, Title]


class GrantShown(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A role, and where it holds: everywhere where nothing else is said."""

    role: Id
    body: Id = ""
    place: Annotated[str, msgspec.Meta(max_length=200)] = ""
    pack: Id = ""
    until: datetime | None = None


class PersonShown(msgspec.Struct, frozen=True):
    """Somebody with an account, or a service."""

    id: str
    title: str
    body: str
    email: str
    service: bool
    disabled: bool
    secured: bool
    grants: list[GrantShown]
    rights: list[str]
    sessions: int
    tokens: int
    seen: datetime | None


class PersonBody(Body, frozen=True, kw_only=True):
    """Somebody as they are to be."""

    id: Id
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    body: Id = ""
    email: Annotated[str, msgspec.Meta(max_length=200)] = ""
    service: bool = False
    disabled: bool = False
    grants: Annotated[list[GrantShown], msgspec.Meta(max_length=100)] = msgspec.field(default_factory=list)


class Linked(msgspec.Struct, frozen=True):
    """A one-time link with which somebody sets a password."""

    path: str
    hours: int


class BodyShown(msgspec.Struct, frozen=True):
    """A body, and how many people and assets belong to it."""

    id: str
    title: Title
    level: str
    parent: str
    people: int
    assets: int


class BodyBody(Body, frozen=True, kw_only=True):
    """A body as it is to be."""

    id: Id
    title: Title
    level: str = "unit"
    parent: Id = ""


class BelongBody(Body, frozen=True, kw_only=True):
    """Which body assets belong to (by the id of each), "" for none; or those that a CSV file says: asset_id, body; or all of a `type`, or of a `place`, or both, to `body`."""

    assets: dict[Word, Id] = msgspec.field(default_factory=dict)
    body: Id = ""
    type: Word = ""
    place: Word = ""
    csv: Annotated[str, msgspec.Meta(max_length=20_000_000)] = ""


class Belonging(msgspec.Struct, frozen=True):
    """An asset that belongs to a body."""

    id: str
    title: Title
    type: str


class Access(msgspec.Struct, frozen=True):
    """Somebody who has a right at an asset, and why: the role they were granted and for what; `of` is the body that the asset belongs to, where that is why."""

    person: str
    title: str
    service: bool
    rights: list[str]
    role: str
    body: str
    of: str
    place: str
    pack: str
    until: datetime | None


class AccessReport(msgspec.Struct, frozen=True):
    """Who may see an asset, and what else they may do with it. `body` is the body that it belongs to."""

    asset: str
    body: str
    items: list[Access]


class TokenBody(Body, frozen=True, kw_only=True):
    """What a token is for, what it gives (all that its owner has, where nothing is said), and how long."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    person: Id = ""
    rights: Annotated[list[str], msgspec.Meta(max_length=20)] | None = None
    days: float = TOKEN_DAYS


class PassShown(msgspec.Struct, frozen=True):
    """A session or a token."""

    id: str
    kind: str
    person: str
    title: str
    rights: list[str] | None
    created: datetime
    expires: datetime
    seen: datetime | None
    address: str
    agent: str
    here: bool


class Made(msgspec.Struct, frozen=True):
    """A token, and its secret: it is told this once."""

    token: PassShown
    secret: str


class PasswordBody(Body, frozen=True, kw_only=True):
    """The password that one has, and the one that one wants to have."""

    old: Word
    password: Word


class ProofBody(Body, frozen=True, kw_only=True):
    """The password, once more: who finds a screen unlocked does not know it."""

    old: Word


class CodeBody(Body, frozen=True, kw_only=True):
    """A code of the authenticator app."""

    code: Word


class Offered(msgspec.Struct, frozen=True):
    """The secret for an authenticator app: as text, as an address and as a picture (SVG) of it."""

    secret: str
    address: str
    picture: str


class Spare(msgspec.Struct, frozen=True):
    """Codes for the day on which the app is lost, each good once."""

    codes: list[str]


class Done(msgspec.Struct, frozen=True):
    """It is done."""

    done: bool = True


class Changed(msgspec.Struct, frozen=True):
    """How many are another now."""

    changed: int


class Imported(msgspec.Struct, frozen=True):
    """What a file brought."""

    bodies: int
    people: int


class AuditQuery(Query, frozen=True, kw_only=True):
    """Which lines of the record, newest first."""

    person: Annotated[str, msgspec.Meta(description="who")] | None = None
    act: Annotated[str, msgspec.Meta(description="what: a method, sign_in, sign_out, refused")] | None = None
    subject: Annotated[str, msgspec.Meta(description="what it was about begins so")] | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: Annotated[int, msgspec.Meta(ge=1, description="lines with smaller numbers")] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 200


class Line(msgspec.Struct, frozen=True):
    """A line of the record."""

    n: int
    time: datetime
    person: str
    via: str
    address: str
    act: str
    subject: str
    status: int
    digest: str
    detail: str


class Lines(msgspec.Struct, frozen=True):
    """Lines of the record, newest first."""

    items: list[Line]
    count: int


def _people(house: House) -> People:
    if house.people is None:
        raise NotFound("there are no accounts here: the city is served with --no-auth", "serve it without", "people")
    return house.people


def me(house: House) -> Me:
    """Whoever asks"""
    caller = CALLER.get()
    person = house.people.person(caller.id) if house.people and caller.id else None
    return Me(
        caller.id,
        caller.title,
        caller.body,
        caller.via,
        sorted(caller.rights),
        house.people is None,
        bool(person and person.secured),
        _part(house, caller),
        bool(
            person
            and house.people
            and caller.via == "session"
            and not caller.rights
            and house.people.lacks_factor(person)
        ),
    )


def _part(house: House, caller: Caller) -> int | None:
    if house.scopes is None or not caller.may("see"):
        return None
    assets = house.scopes.assets(caller, "see")
    return None if assets is None else len(assets)


def set_password(house: House, body: PasswordBody) -> Done:
    """A new password; every session ends, this one too"""
    _people(house).set_password(CALLER.get().id, body.password, body.old)
    return Done()


def offer_factor(house: House, body: ProofBody) -> Offered:
    """A secret for an authenticator app (TOTP); the password (`old`) is asked for once more, and it holds once a code was given"""
    people, id = _people(house), CALLER.get().id
    people.prove(id, body.old)
    secret, address = people.offer_factor(id)
    picture = io.BytesIO()
    segno.make(address, error="m").save(picture, kind="svg", scale=5, border=2, xmldecl=False)
    return Offered(secret, address, picture.getvalue().decode())


def confirm_factor(house: House, body: CodeBody) -> Spare:
    """The second factor holds from now on"""
    return Spare(_people(house).confirm_factor(CALLER.get().id, body.code, CALLER.get().token))


def drop_factor(house: House, body: PasswordBody) -> Done:
    """No second factor any more; the password (`old`) is asked for once more"""
    people, id = _people(house), CALLER.get().id
    people.prove(id, body.old)
    people.drop_factor(id, CALLER.get().token)
    return Done()


def my_passes(house: House) -> list[PassShown]:
    """One's own sessions and tokens"""
    caller = CALLER.get()
    return [_pass(p, caller) for p in _people(house).passes(caller.id)] if caller.id else []


def make_my_token(house: House, body: TokenBody) -> Made:
    """A token of one's own"""
    caller = CALLER.get()
    if body.person not in ("", caller.id):
        raise Forbidden("a token of one's own is for oneself", "ask an administrator", "person")
    made, secret = _people(house).make_token(caller.id, body.title, body.rights, body.days)
    return Made(_pass(made, caller), secret)


def end_mine(house: House, id: str) -> Done:
    """End a session or token of one's own"""
    people = _people(house)
    if id not in {p.id for p in people.passes(CALLER.get().id)}:
        raise NotFound(f"you have no session or token '{id[:60]}'", "see /api/me/passes", "id")
    people.end([id])
    return Done()


def roles() -> Roles:
    """Roles and rights"""
    return Roles([RoleShown(r.id, r.title, sorted(r.rights)) for r in ROLES.values()], dict(RIGHTS))


def list_people(house: House) -> list[PersonShown]:
    """Everybody with an account, and services"""
    people = _people(house)
    return [_shown(people, p) for p in people.persons]


def put_person(house: House, body: PersonBody) -> PersonShown:
    """Enter somebody, or change them"""
    people = _people(house)
    grants = tuple(Grant(g.role, g.body, g.place, g.pack, g.until) for g in body.grants)
    before = people.put_person(Person(body.id, body.title, body.body, body.email, body.service, body.disabled, grants))
    _changed(people, f"person {body.id}", before, people.person(body.id))
    return _shown(people, people.person(body.id))


def link_person(house: House, id: str) -> Linked:
    """A one-time link with which somebody sets a password, good for a day"""
    return Linked(f"/welcome#{_people(house).link(id)}", 24)


def drop_person(house: House, id: str) -> Done:
    """Take somebody out; what they did stays on record"""
    people = _people(house)
    _changed(people, f"person {id}", people.drop_person(id), None)
    return Done()


def unsecure_person(house: House, id: str) -> Done:
    """Take the second factor of somebody off who lost it: they are known again by other means; every session of theirs ends"""
    _people(house).drop_factor(id)
    return Done()


def sign_out_person(house: House, id: str) -> Done:
    """End every session of somebody, and unlock the account"""
    people = _people(house)
    people.person(id)
    people.end(p.id for p in people.passes(id, "session"))
    people.unlock(id)
    return Done()


def list_bodies(house: House) -> list[BodyShown]:
    """Bodies, by id"""
    people = _people(house)
    count: dict[str, int] = {}
    for p in people.persons:
        count[p.body] = count.get(p.body, 0) + 1
    held = _scopes(house).count()
    return [BodyShown(b.id, b.title, b.level, b.parent, count.get(b.id, 0), held.get(b.id, 0)) for b in people.bodies]


def _scopes(house: House) -> Scopes:
    _people(house)
    assert house.scopes is not None
    return house.scopes


def body_assets(house: House, id: str) -> list[Belonging]:
    """The assets that belong to a body itself"""
    if id not in {b.id for b in _people(house).bodies}:
        raise NotFound(f"there is no body '{id[:60]}'", "see /api/bodies", "id")
    held = pa.table({"asset_id": pa.array(_scopes(house).belonging(id), pa.string())})
    sql = "SELECT a.asset_id, a.type, a.title_zh, a.title_en FROM asset AS a JOIN held AS h ON h.asset_id = a.asset_id ORDER BY a.asset_id"
    return [Belonging(r["asset_id"], Title(r["title_zh"], r["title_en"]), r["type"]) for r in house.rows(sql, tables={"held": held})]  # fmt: skip


def assign_assets(house: House, body: BelongBody) -> Changed:
    """Say which body assets belong to: all of them, or none where one is at fault"""
    given = dict(body.assets)
    for n, r in enumerate(csv.DictReader(io.StringIO(body.csv.lstrip("\ufeff"))), 2):
        if not r.get("asset_id") or r.get("body") is None:
            raise BadRequest(
                f"line {n} has no asset_id or no body", "a head 'asset_id,body', and a line for each", "csv"
            )
        given[r["asset_id"].strip()] = r["body"].strip()
    if body.type or body.place:
        given |= dict.fromkeys(_scopes(house).chosen(body.type, body.place), body.body)
    if not given:
        raise BadRequest("no asset is named", "assets, a csv with asset_id and body, or a type or place that has some", "assets")  # fmt: skip
    people = _people(house)
    before = _scopes(house).assign(given)
    if before:
        shown = {a: [b, given[a]] for a, b in list(before.items())[:200]}
        people.note(CALLER.get(), "", "change", f"{len(before)} assets and their bodies", 200, detail={"before and after": shown})  # fmt: skip
    return Changed(len(before))


def asset_access(house: House, id: str) -> AccessReport:
    """Who may see an asset, and why"""
    scopes, now = _scopes(house), _people(house).now()
    found = [
        Access(
            r.person.id, r.person.title, r.person.service, sorted(right.rights([r.grant], now)), r.grant.role, r.grant.body, r.body, r.grant.place, r.grant.pack,
            r.grant.until,
        )
        for r in scopes.reasons(id)
    ]  # fmt: skip
    return AccessReport(id, scopes.body(id), found)


def put_body(house: House, body: BodyBody) -> Done:
    """Enter a body, or change it"""
    people = _people(house)
    made = right.Body(body.id, body.title, body.level, body.parent)
    _changed(people, f"body {body.id}", people.put_body(made), made)
    return Done()


def drop_body(house: House, id: str) -> Done:
    """Take a body out"""
    people = _people(house)
    if held := _scopes(house).count().get(id, 0):
        raise Conflict(f"{held} assets belong to '{id[:60]}'", "give them to another body first", "body")
    _changed(people, f"body {id}", people.drop_body(id), None)
    return Done()


def list_tokens(house: House) -> list[PassShown]:
    """Everybody's tokens"""
    return [_pass(p, CALLER.get()) for p in _people(house).passes(kind="token")]


def make_token(house: House, body: TokenBody) -> Made:
    """A token for a service, or for oneself"""
    people, caller = _people(house), CALLER.get()
    owner = body.person or caller.id
    if not people.person(owner).service and owner != caller.id:
        raise Forbidden("a token of a person is theirs to make", "make one for a service", "person")
    made, secret = people.make_token(owner, body.title, body.rights, body.days)
    return Made(_pass(made, caller), secret)


def list_sessions(house: House) -> list[PassShown]:
    """Everybody's sessions"""
    return [_pass(p, CALLER.get()) for p in _people(house).passes(kind="session")]


def end_token(house: House, id: str) -> Done:
    """End a token"""
    return _end(house, id, "token")


def end_session(house: House, id: str) -> Done:
    """End a session"""
    return _end(house, id, "session")


def _end(house: House, id: str, kind: str) -> Done:
    people = _people(house)
    if id not in {p.id for p in people.passes(kind=kind)}:
        raise NotFound(f"there is no {kind} '{id[:60]}'", f"see /api/{kind}s", "id")
    people.end([id])
    return Done()


class ImportBody(Body, frozen=True, kw_only=True):
    """A CSV file. For people: id, title, body, email, role, of_body, place, pack (a line for each role); for bodies: id, title_zh, title_en, level, parent."""

    kind: str
    csv: Annotated[str, msgspec.Meta(max_length=2_000_000)]


def import_csv(house: House, body: ImportBody) -> Imported:
    """Bodies or people from a CSV file: all of it, or nothing where a line is at fault"""
    people = _people(house)
    lines = list(csv.DictReader(io.StringIO(body.csv.lstrip("\ufeff"))))
    if body.kind == "bodies":
        made = [right.Body(r.get("id", ""), Title(r.get("title_zh", ""), r.get("title_en") or r.get("title_zh", "")), r.get("level") or "unit", r.get("parent") or "") for r in lines]  # fmt: skip
        _all(lines, lambda: people.check_bodies(made))
        for one in made:
            people.put_body(one)
        return Imported(len(made), 0)
    if body.kind != "people":
        raise BadRequest(f"'{body.kind[:60]}' is no kind of file", "one of: people, bodies", "kind")
    found: dict[str, Person] = {}
    for r in lines:
        grants = (
            (Grant(r["role"], r.get("of_body") or "", r.get("place") or "", r.get("pack") or ""),)
            if r.get("role")
            else ()
        )
        known = found.get(r.get("id", ""))
        found[r.get("id", "")] = Person(
            r.get("id", ""),
            r.get("title", ""),
            r.get("body") or "",
            r.get("email") or "",
            grants=(*(known.grants if known else ()), *grants),
        )
    _all(lines, lambda: people.check_people(found.values()))
    for person in found.values():
        people.put_person(person)
    return Imported(0, len(found))


def _all(lines: list[dict[str, str]], check: Any) -> None:
    if not lines:
        raise BadRequest("there is no line in the file", "a head, and a line for each", "csv")
    faults: Iterable[Fault] = check()
    told = tuple(faults)
    if told:
        raise BadRequest(told[0].message, told[0].hint, told[0].where, told)


def audit(house: House, query: AuditQuery) -> Lines:
    """Who did what: every change, every refusal and every signing in"""
    wanted = {
        "person": "person = $person",
        "act": "act = $act",
        "since": "time >= $since",
        "until": "time < $until",
        "before": "n < $before",
    }
    params = {k: v for k in wanted if (v := getattr(query, k)) is not None}
    where = [wanted[k] for k in params]
    if query.subject:
        where.append("starts_with(subject, $subject)")
        params["subject"] = query.subject
    clause = f"WHERE {' AND '.join(where)}" if where else ""
    count = house.rows(f"SELECT count(*) AS n FROM audit_row {clause}", params)[0]["n"]
    found = house.rows(f"SELECT * FROM audit_row {clause} ORDER BY n DESC LIMIT {query.limit:d}", params)
    return Lines([Line(**r) for r in found], count)


def _shown(people: People, p: Person) -> PersonShown:
    passes = people.passes(p.id)
    grants = [GrantShown(role=g.role, body=g.body, place=g.place, pack=g.pack, until=g.until) for g in p.grants]
    sessions = sum(one.kind == "session" for one in passes)
    granted = sorted(right.rights(p.grants, people.now()))
    return PersonShown(
        p.id,
        p.title,
        p.body,
        p.email,
        p.service,
        p.disabled,
        p.secured,
        grants,
        granted,
        sessions,
        len(passes) - sessions,
        p.seen,
    )


def _pass(p: Pass, caller: Caller) -> PassShown:
    only = None if p.only is None else sorted(p.only)
    return PassShown(
        p.id, p.kind, p.person, p.title, only, p.created, p.expires, p.seen, p.address, p.agent, p.id == caller.token
    )


def _changed(people: People, subject: str, before: Any, after: Any) -> None:
    """Put on record what something was and what it is now."""
    detail = {"before": asdict(before) if before else None, "after": asdict(after) if after else None}
    people.note(CALLER.get(), "", "change", subject, 200, detail=detail)


ROUTES = (
    Route("GET", "/me", me),
    Route("POST", "/me/password", set_password),
    Route("POST", "/me/factor", offer_factor),
    Route("POST", "/me/factor/confirm", confirm_factor),
    Route("POST", "/me/factor/drop", drop_factor),
    Route("GET", "/me/passes", my_passes),
    Route("POST", "/me/tokens", make_my_token),
    Route("POST", "/me/passes/{id}/end", end_mine, bare=True),
    Route("GET", "/roles", roles),
    Route("GET", "/people", list_people),
    Route("POST", "/people", put_person),
    Route("POST", "/people.import", import_csv),
    Route("POST", "/people/{id}/link", link_person, bare=True),
    Route("POST", "/people/{id}/drop", drop_person, bare=True),
    Route("POST", "/people/{id}/sign-out", sign_out_person, bare=True),
    Route("POST", "/people/{id}/drop-factor", unsecure_person, bare=True),
    Route("GET", "/bodies", list_bodies),
    Route("POST", "/bodies", put_body),
    Route("POST", "/bodies/{id}/drop", drop_body, bare=True),
    Route("GET", "/bodies/{id}/assets", body_assets),
    Route("POST", "/bodies.assets", assign_assets),
    Route("GET", "/assets/{id}/access", asset_access),
    Route("GET", "/tokens", list_tokens),
    Route("POST", "/tokens", make_token),
    Route("POST", "/tokens/{id}/end", end_token, bare=True),
    Route("GET", "/sessions", list_sessions),
    Route("POST", "/sessions/{id}/end", end_session, bare=True),
    Route("GET", "/audit", audit),
)
