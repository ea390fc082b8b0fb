"""Who comes from the city's identity provider, and what are they here? `signin.yaml`, read strictly, and the accounts that are linked to identities."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from citytwin.engine import oidc, reach, shape, strict
from citytwin.engine.feeds.secret import reveal
from citytwin.engine.people import ID, People
from citytwin.engine.twin import rows
from citytwin.kernel.errors import BadRequest, CityTwinError, Conflict, Fault, NotFound, Unauthorized
from citytwin.kernel.right import ROLES, Grant, Person
from citytwin.kernel.signin import SigninFile, said
from citytwin.kernel.store import Change, Store

FILE = "signin.yaml"
MOST_STRANGERS = 50
"""People who were not let in, of whom is told."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What the file says (None: there is none, or it is at fault and nobody signs in elsewhere), and every fault."""

    file: SigninFile | None = None
    faults: tuple[Fault, ...] = ()
    passwords: str = "everybody"
    """Who may sign in with a password: what the file says of that holds even where something else in it is at fault."""


def read(home: Path, people: People) -> Declared:
    """What the city's home declares."""
    path = home / FILE
    if not path.is_file():
        return Declared()
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        return Declared(faults=(Fault(f"{path}:1", "LAYOUT", f"cannot be read: {e}", "UTF-8, readable by the server"),))
    document = strict.parse(text, str(path))
    made = shape.read(document, "signin", SigninFile)
    if made is None:
        return Declared(faults=tuple(document.faults))
    found = tuple(_wrong(document, made, home, people))
    return Declared(None if found else made, found, made.passwords)


def _wrong(document: strict.Document, made: SigninFile, home: Path, people: People) -> Iterator[Fault]:
    def fault(at: tuple[str | int, ...], code: str, message: str, hint: str) -> Fault:
        return Fault(document.where(at), code, message, hint)

    for name in ("issuer", "address"):
        url = getattr(made, name)
        if not oidc.safe(url) or "?" in url:
            yield fault((name,), "URL", f"{name} is '{url[:200]}'", "https://host (http on a loopback address alone), without a question mark")  # fmt: skip
    if not made.client_id or len(made.client_id) > 200:
        yield fault(("client_id",), "NAMES", "client_id has to have 1 to 200 characters", "as it is registered with the provider")  # fmt: skip
    if bool(made.client_secret.env) == bool(made.client_secret.file):
        yield fault(("client_secret",), "SECRET", "the secret is in an environment variable or in a file", "client_secret: {env: NAME} or {file: NAME}")  # fmt: skip
    else:
        try:
            reveal(made.client_secret, home)
        except CityTwinError as e:
            yield fault(("client_secret",), "SECRET", e.message, e.hint)
    for n, scope in enumerate(made.scopes):
        if not re.fullmatch(r"[\x21\x23-\x5b\x5d-\x7e]{1,100}", scope):
            yield fault(("scopes", n), "NAMES", f"'{scope[:60]}' is no scope", "a word without spaces")
    bodies = {b.id for b in people.bodies}
    for n, g in enumerate(made.grants):
        if g.role not in ROLES:
            yield fault(("grants", n, "role"), "NAMES", f"'{g.role[:60]}' is no role", f"one of: {', '.join(ROLES)}")
        if g.body and g.body not in bodies:
            yield fault(("grants", n, "body"), "NAMES", f"there is no body '{g.body[:60]}'", "enter it on the page of people first")  # fmt: skip
        if g.role in ROLES:
            try:
                for hear in people.checks:
                    hear(Grant(g.role, g.body, g.place, g.pack))
            except BadRequest as e:
                yield fault(("grants", n), "NAMES", e.message, e.hint)
    for n, b in enumerate(made.bodies):
        if b.body not in bodies:
            yield fault(("bodies", n, "body"), "NAMES", f"there is no body '{b.body[:60]}'", "enter it on the page of people first")  # fmt: skip
    for n, net in enumerate(made.networks):
        try:
            ip_network(net)
        except ValueError as e:
            yield fault(("networks", n), "URL", f"'{net}' is not a network: {e}", "such as 10.0.0.0/8")
    if made.certificates and not (home / made.certificates).is_file():
        yield fault(("certificates",), "FILE", f"there is no file '{made.certificates}'", "PEM, a path below the home or a whole one")  # fmt: skip
    if not 0.5 <= made.timeout_s <= 60:
        yield fault(("timeout_s",), "BOUNDS", f"timeout_s is {made.timeout_s:g}", "from 0.5 to 60")


@dataclass(frozen=True, slots=True)
class Identity:
    """An identity at the provider, and the account that it is; `grants` are those of the account that follow the claims."""

    person: str
    issuer: str
    subject: str
    title: str
    grants: tuple[Grant, ...]
    linked: datetime
    seen: datetime | None


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody whom the provider knows, and no account here."""

    subject: str
    title: str
    account: str
    time: datetime


class NotLetIn(Unauthorized):
    """The provider knows who it is, and the city does not let them in; `where` is why."""


class Identities:
    """Which account is which identity. Every change is durable before it holds."""

    def __init__(self, store: Store, people: People) -> None:
        self._store, self._people = store, people
        self._turn = threading.RLock()
        self._of: dict[str, Identity] = {}
        self._hints: dict[str, str] = {}
        """The ID tokens of sessions, for signing out at the provider; gone with the server."""
        self.strangers: dict[str, Stranger] = {}
        for r in rows(store.fetch("SELECT * FROM identity_row")):
            grants = tuple(_grant(g) for g in json.loads(r["grants"]))
            self._of[r["person"]] = Identity(r["person"], r["issuer"], r["subject"], r["title"], grants, r["linked"], r["seen"])  # fmt: skip
        people.changed.append(self._follow)

    def _follow(self) -> None:
        there = {p.id for p in self._people.persons}
        for gone in [p for p in self._of if p not in there]:
            self._of.pop(gone, None)

    @property
    def last(self) -> datetime | None:
        """When somebody came last."""
        return max((i.seen for i in list(self._of.values()) if i.seen), default=None)

    @property
    def count(self) -> int:
        """How many accounts are linked."""
        return len(self._of)

    def of(self, person: str) -> Identity | None:
        """The identity of an account."""
        return self._of.get(person)

    def who(self, issuer: str, subject: str) -> Identity | None:
        """The account that an identity is."""
        return next((i for i in list(self._of.values()) if (i.issuer, i.subject) == (issuer, subject)), None)

    def link(self, person: str, issuer: str, subject: str, title: str = "") -> Identity:
        """This account is that identity from now on. Raises NotFound, BadRequest, Conflict where either is linked."""
        with self._turn:
            account = self._people.person(person)
            if account.service:
                raise Conflict("a service signs in by tokens alone", "link an account of a person", "person")
            if not 0 < len(subject) <= 255:
                raise BadRequest("a subject has 1 to 255 characters", "as the provider has it (sub)", "subject")
            held, other = self._of.get(person), self.who(issuer, subject)
            if other is not None and other.person != person:
                raise Conflict("this identity is another account's", "take it off there first", "subject")
            if held is not None and (held.issuer, held.subject) != (issuer, subject):
                raise Conflict(f"'{person}' is linked to another identity", "take it off first", "person")
            made = held or Identity(person, issuer, subject, title[:200], (), self._people.now(), None)
            self._keep(made)
            self.strangers.pop(subject, None)
            return made

    def unlink(self, person: str) -> Identity:
        """This account is no identity any longer: what followed the claims goes, and sessions that came from there end. Raises NotFound, Conflict."""
        with self._turn:
            held = self._of.get(person)
            if held is None:
                raise NotFound(f"'{person[:60]}' is linked to nothing", "see the page of people", "person")
            account = self._people.person(person)
            self._people.put_person(replace(account, grants=tuple(g for g in account.grants if g not in held.grants)))
            self._store.commit(Change("DELETE FROM identity_row WHERE person = $p", {"p": person}))
            del self._of[person]
            self._people.end(p.id for p in self._people.passes(person, "session") if p.title == "oidc")
            return held

    def arrive(self, declared: SigninFile, claims: Mapping[str, Any], link: str = "") -> Identity:
        """Whose account these claims are, as it is after what they give was brought up; with `link`, that account is linked. Raises NotLetIn, Conflict."""
        issuer, subject = declared.issuer, str(claims["sub"])
        title = next(iter(said(claims, declared.name)), "")[:100].strip()
        with self._turn:
            if link:
                self.link(link, issuer, subject, title)
            held = self.who(issuer, subject)
            if held is None:
                held = self._newcomer(declared, claims, subject, title)
            account = self._people.person(held.person)
            if account.disabled:
                raise NotLetIn("the account is switched off", "ask your administrator", "disabled")
            mine = declared.granted(claims)
            by_hand = tuple(g for g in account.grants if g not in held.grants)
            follow = tuple(g for g in mine if g not in by_hand)
            body = declared.body(claims) if declared.bodies else account.body
            wanted = replace(account, grants=(*by_hand, *follow), body=body or account.body)
            if wanted != account:
                try:
                    self._people.put_person(wanted)
                except Conflict:  # nobody would be left who rules: they keep what they have until somebody else does
                    follow = held.grants
                self._people.note(None, "", "change", f"person {account.id}", 200, detail={"by": "oidc", "before": asdict(account), "after": asdict(self._people.person(account.id))})  # fmt: skip
            made = replace(held, title=title or held.title, grants=follow, seen=self._people.now())
            self._keep(made)
            return made

    def _newcomer(self, declared: SigninFile, claims: Mapping[str, Any], subject: str, title: str) -> Identity:
        """Enter an account for somebody whom none knows, where that is declared. Raises NotLetIn."""
        id = next(iter(said(claims, declared.account)), "").strip().lower()
        self.strangers.pop(subject, None)
        self.strangers[subject] = Stranger(subject, title, id[:100], self._people.now())
        while len(self.strangers) > MOST_STRANGERS:
            del self.strangers[next(iter(self.strangers))]
        if declared.unknown == "refuse":
            raise NotLetIn("no account here is linked to you", "ask an administrator to link one", "unknown")
        if not ID.fullmatch(id):
            raise NotLetIn(f"the provider's '{declared.account}' is no name of an account", "2 to 60 small letters, digits, dots, lines", "account")  # fmt: skip
        if any(p.id == id for p in self._people.persons):  # a name is not who somebody is
            raise NotLetIn(f"there is an account '{id}' that is not linked to you", "sign in with its password and link it, or ask an administrator", "taken")  # fmt: skip
        if not declared.granted(claims):
            raise NotLetIn("nothing that the provider says gives you a role here", "ask an administrator", "nothing")
        self._people.put_person(Person(id, title or id))
        return self.link(id, declared.issuer, subject, title)

    # -- sessions

    def began(self, pass_: str, person: str, sid: str, hint: str) -> None:
        """A session of ours stands on one of the provider's."""
        with self._turn:
            there = {p.id for p in self._people.passes(kind="session")}
            self._hints = {k: v for k, v in self._hints.items() if k in there} | {pass_: hint}
            self._store.commit(Change("INSERT OR REPLACE INTO identity_pass VALUES ($p, $q, $s)", {"p": pass_, "q": person, "s": sid[:255]}))  # fmt: skip

    def hint(self, pass_: str) -> str | None:
        """The ID token with which a session began ("": not known any longer); None: it did not come from the provider."""
        one = next((p for p in self._people.passes(kind="session") if p.id == pass_), None)
        return self._hints.get(pass_, "") if one and one.title == "oidc" else None

    def end(self, issuer: str, subject: str, sid: str) -> int:
        """The provider has ended a session, or all of a subject: so do ours. Returns how many did."""
        with self._turn:
            held = self.who(issuer, subject) if subject else None
            if subject and held is None:
                return 0
            wanted = {"sid = $s": sid, "person = $p": held.person if held else ""}
            kept = {k: v for k, v in wanted.items() if v}
            found = rows(self._store.fetch(f"SELECT pass FROM identity_pass WHERE {' AND '.join(kept)}", {k[-1]: v for k, v in kept.items()}))  # fmt: skip
            return self._people.end([r["pass"] for r in found])

    def _keep(self, made: Identity) -> None:
        said_ = {"p": made.person, "i": made.issuer, "s": made.subject, "t": made.title, "l": made.linked, "n": made.seen,
                 "g": json.dumps([asdict(g) | {"until": None} for g in made.grants], ensure_ascii=False)}  # fmt: skip
        self._store.commit(
            Change("DELETE FROM identity_row WHERE person = $p", {"p": made.person}),
            Change("INSERT INTO identity_row VALUES ($p, $i, $s, $t, $g, $l, $n)", said_),
        )
        self._of[made.person] = made


def _grant(said_: Mapping[str, Any]) -> Grant:
    return Grant(said_["role"], said_["body"], said_["place"], said_["pack"])


@dataclass(frozen=True, slots=True)
class SignIn:
    """Signing in elsewhere, as it is declared, with the provider (None: there is none) and who came from there."""

    declared: Declared
    identities: Identities
    provider: oidc.Provider | None = None

    @property
    def rulers(self) -> bool:
        """Whether only those who rule may sign in with a password."""
        return self.declared.passwords == "administrators"

    def warnings(self, people: People) -> Iterator[str]:
        """What is to be said when the city starts: faults, and that nobody could come in without the provider."""
        yield from map(str, self.declared.faults)
        if self.declared.faults:
            yield "nobody signs in through the provider until this is mended and the city is started again; passwords go on"
        if self.provider and not people.settled:
            yield "no administrator has a password: while the provider is away nobody could rule. Use the one-time link below, or 'one-time link' on the page of people"


def opened(home: Path, store: Store, people: People, ask: oidc.Ask = reach.request) -> SignIn:
    """What is declared in the city's home, ready to be used; nothing is asked of the provider yet."""
    declared = read(home, people)
    made = oidc.Provider(declared.file, home, people.now, ask) if declared.file else None
    return SignIn(declared, Identities(store, people), made)
