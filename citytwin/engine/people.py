"""Who is there, and who is it that asks? Accounts, what they are granted, and the sessions and tokens by which they are known again."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import logging
import re
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Literal

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from citytwin.engine.twin import rows
from citytwin.kernel.clock import Clock
from citytwin.kernel.errors import BadRequest, Conflict, Fault, Forbidden, NotFound, StoreFailed, TooMany, Unauthorized
from citytwin.kernel.right import LEVELS, RIGHTS, ROLES, Body, Caller, Grant, Person, good, rights
from citytwin.kernel.store import Change, Store
from citytwin.kernel.title import Title

log = logging.getLogger("citytwin.people")
ID = re.compile(r"[a-z0-9][a-z0-9._-]{1,59}")
SHORTEST, LONGEST = 12, 128
"""Characters of a password (NIST SP 800-63B, 3.1.1.2: long beats strange, and no kinds of characters are asked for)."""
FEW = 6
"""A password with fewer different characters is guessed."""
GUESSED = (
    "password",
    "passw0rd",
    "citytwin",
    "qwerty",
    "administrator",
    "admin123",
    "letmein",
    "welcome",
    "123456",
    "abcdef",
    "111111",
    "woaini",
)
TRIES = 5
"""Wrong passwords in a row before an account waits: 30 s, and twice as long after each more, up to LOCK_S."""
WAIT_S, LOCK_S = 30, 900
IDLE = timedelta(hours=2)
"""A session in which nothing is asked for so long has ended."""
SHIFT = timedelta(hours=12)
"""The longest session: a shift."""
LINK = timedelta(hours=24)
"""How long a one-time link is good."""
TOKEN_DAYS, TOKEN_MOST_DAYS = 90, 366
MOST_KNOWN = 10_000
"""Tokens that are known without looking anything up."""
SPARES = 10
PREFIX = "ct_"
"""How every token begins, so that scanners for leaked secrets know it."""


@dataclass
class Pass:
    """A session or a token, by whose secret somebody is known again; `only` are the rights it was made for (None: all of its person)."""

    id: str
    kind: str
    person: str
    title: str
    only: frozenset[str] | None
    created: datetime
    expires: datetime
    seen: datetime | None
    address: str
    agent: str
    ended: datetime | None = None


@dataclass
class _Account:
    """What only this file knows of a person."""

    person: Person
    password: str = ""
    factor: str = ""
    factor_slot: int = 0
    spare: tuple[str, ...] = ()
    failed: int = 0
    locked: datetime | None = None
    link: str = ""
    link_until: datetime | None = None


def digest(secret: str) -> str:
    """What is kept of a secret with more than 128 random bits: nobody finds it again from this."""
    return hashlib.sha256(secret.encode()).hexdigest()


def strong(password: str, *names: str) -> None:
    """Raises BadRequest where a password is easily guessed."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadRequest(
            f"the password has {len(password)} characters", f"{SHORTEST} to {LONGEST}: four words do well", "password"
        )
    low = password.lower()
    told = [n for n in names if len(n) >= 4 and n.lower() in low]
    if told or any(w in low for w in GUESSED) or len(set(low)) < FEW or _runs(low):
        raise BadRequest(
            "the password is one that is guessed first",
            "take four words that have nothing to do with each other",
            "password",
        )


def _runs(text: str) -> bool:
    """Whether most of it goes up or down by one, as 23456789 does."""
    steps = [ord(b) - ord(a) for a, b in pairwise(text)]
    return sum(s in (-1, 0, 1) for s in steps) > 0.7 * len(steps)


class People:
    """All accounts of a city, in memory as they are on record. Every change is durable before it holds."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._turn = threading.RLock()
        self._hasher = PasswordHasher()  # RFC 9106, section 4: the second recommended option
        self._hashing = threading.Semaphore(2)  # each takes 64 MiB
        self._nobody = self._hasher.hash(secrets.token_hex())
        self._bodies: dict[str, Body] = {}
        self._accounts: dict[str, _Account] = {}
        self._passes: dict[str, Pass] = {}
        self._by_secret: dict[str, Pass] = {}
        self._callers: dict[str, tuple[Pass, Caller, datetime]] = {}
        """Who came with a token of late, by the token, and until when nothing of that ends by itself. Forgotten with every change."""
        self._fresh: set[str] = set()
        """Sessions and tokens that were seen, and that is not on record."""
        self.secured: Literal["nobody", "rulers", "everybody"] = "nobody"
        """Whose sessions give no right before they have a second factor; those who come by the city's identity provider are its to ask."""
        self.checks: list[Callable[[Grant], None]] = []
        """Who knows what places and packs there are: raises BadRequest where a grant is for one that is not."""
        self.changed: list[Callable[[], None]] = []
        """Who remembers callers is told when they may be others."""
        self._load()

    def _load(self) -> None:
        for r in rows(self._store.fetch("SELECT * FROM body_row")):
            self._bodies[r["body"]] = Body(r["body"], Title(r["title_zh"], r["title_en"]), r["level"], r["parent"])
        granted: dict[str, list[Grant]] = {}
        for r in rows(self._store.fetch("SELECT * FROM grant_row")):
            granted.setdefault(r["person"], []).append(Grant(r["role"], r["body"], r["place"], r["pack"], r["until"]))
        for r in rows(self._store.fetch("SELECT * FROM person_row")):
            person = Person(
                r["person"], r["title"], r["body"], r["email"], r["service"], r["disabled"],
                tuple(granted.get(r["person"], ())), bool(r["factor"]) and not r["factor"].startswith("?"), r["created"], r["seen"],
            )  # fmt: skip
            self._accounts[r["person"]] = _Account(
                person, r["password"], r["factor"], r["factor_slot"], tuple(json.loads(r["spare"])), r["failed"], r["locked"], r["link"], r["link_until"]
            )  # fmt: skip
        for r in rows(self._store.fetch("SELECT * FROM pass_row WHERE ended IS NULL")):
            only = None if r["rights"] == "*" else frozenset(r["rights"].split())
            one = Pass(
                r["pass"],
                r["kind"],
                r["person"],
                r["title"],
                only,
                r["created"],
                r["expires"],
                r["seen"],
                r["address"],
                r["agent"],
            )
            self._passes[one.id] = self._by_secret[r["secret"]] = one

    # -- who there is

    @property
    def bodies(self) -> Sequence[Body]:
        """All of them, by id."""
        return sorted(self._bodies.values(), key=lambda b: b.id)

    @property
    def persons(self) -> Sequence[Person]:
        """All of them, by id."""
        return sorted((a.person for a in self._accounts.values()), key=lambda p: p.id)

    def person(self, id: str) -> Person:
        """One of them. Raises NotFound."""
        return self._account(id).person

    @property
    def settled(self) -> bool:
        """Whether somebody can sign in who rules."""
        return any(self._rules(a) and a.password for a in self._accounts.values())

    def under(self, body: str) -> frozenset[str]:
        """A body and all that stand under it."""
        found, more = {body}, True
        while more:
            more = False
            for b in self._bodies.values():
                if b.parent in found and b.id not in found:
                    found.add(b.id)
                    more = True
        return frozenset(found)

    def passes(self, person: str = "", kind: str = "") -> Sequence[Pass]:
        """Sessions and tokens that are good, the newest first."""
        now = self._clock.now()
        found = [
            p for p in self._passes.values() if person in ("", p.person) and kind in ("", p.kind) and self._good(p, now)
        ]
        return sorted(found, key=lambda p: p.created, reverse=True)

    # -- changes

    def now(self) -> datetime:
        """The city's clock."""
        return self._clock.now()

    def check_bodies(self, bodies: Sequence[Body]) -> Iterator[Fault]:
        """What is wrong with bodies that are to be entered in this order."""
        known = set(self._bodies)
        for n, b in enumerate(bodies, 2):
            try:
                _checked("id", b.id, b.title.zh, b.title.en)
            except BadRequest as e:
                yield Fault(f"line {n}", "VALUE", e.message, e.hint)
            if b.level not in LEVELS:
                yield Fault(f"line {n}", "LEVEL", f"'{b.level[:60]}' is no level", f"one of: {', '.join(LEVELS)}")
            if b.parent and b.parent not in known:
                yield Fault(
                    f"line {n}",
                    "PARENT",
                    f"there is no body '{b.parent[:60]}' above this line",
                    "enter the body above first",
                )
            known.add(b.id)

    def check_people(self, persons: Iterable[Person]) -> Iterator[Fault]:
        """What is wrong with people who are to be entered."""
        for p in persons:
            try:
                self._right_person(p)
            except BadRequest as e:
                yield Fault(p.id[:60] or "id", "VALUE", e.message, e.hint)

    def _right_person(self, person: Person) -> None:
        _checked("id", person.id, person.title)
        if person.body and person.body not in self._bodies:
            raise BadRequest(f"there is no body '{person.body[:60]}'", "see /api/bodies", "body")
        for g in person.grants:
            if g.role not in ROLES:
                raise BadRequest(f"'{g.role[:60]}' is no role", f"one of: {', '.join(ROLES)}", "grants")
            if g.body and g.body not in self._bodies:
                raise BadRequest(f"there is no body '{g.body[:60]}'", "see /api/bodies", "grants")
            for hear in self.checks:
                hear(g)

    def put_body(self, body: Body) -> Body | None:
        """Enter a body, or change it; returns what it was. Raises BadRequest, Conflict."""
        with self._turn:
            _checked("body", body.id, body.title.zh, body.title.en)
            if body.level not in LEVELS:
                raise BadRequest(f"'{body.level}' is no level", f"one of: {', '.join(LEVELS)}", "level")
            if body.parent and body.parent not in self._bodies:
                raise BadRequest(f"there is no body '{body.parent}'", "enter the body above first", "parent")
            if body.parent in self.under(body.id):
                raise Conflict(f"'{body.parent}' stands under '{body.id}'", "no body stands under itself", "parent")
            before = self._bodies.get(body.id)
            self._store.commit(
                Change("DELETE FROM body_row WHERE body = $b", {"b": body.id}),
                Change(
                    "INSERT INTO body_row VALUES ($b, $zh, $en, $l, $p)",
                    {"b": body.id, "zh": body.title.zh, "en": body.title.en, "l": body.level, "p": body.parent},
                ),
            )
            self._bodies[body.id] = body
            self._tell()
            return before

    def drop_body(self, id: str) -> Body:
        """Take a body out. Raises NotFound, Conflict where somebody or another body stands under it."""
        with self._turn:
            if id not in self._bodies:
                raise NotFound(f"there is no body '{id}'", "see /api/bodies", "body")
            held = [b.id for b in self._bodies.values() if b.parent == id]
            held += [
                a.person.id
                for a in self._accounts.values()
                if a.person.body == id or any(g.body == id for g in a.person.grants)
            ]
            if held:
                raise Conflict(f"'{id}' is still there for {', '.join(held[:5])}", "move these first", "body")
            self._store.commit(Change("DELETE FROM body_row WHERE body = $b", {"b": id}))
            self._tell()
            return self._bodies.pop(id)

    def put_person(self, person: Person) -> Person | None:
        """Enter somebody, or change title, body, address, state and grants; returns what was. Raises BadRequest, Conflict."""
        with self._turn:
            self._right_person(person)
            held = self._accounts.get(person.id)
            before = held.person if held else None
            if held and held.person.service != person.service:
                raise Conflict(
                    "a person does not become a service, nor the other way", "enter another account", "service"
                )
            made = replace(held, person=replace(person, secured=held.person.secured, created=held.person.created, seen=held.person.seen)) if held else _Account(replace(person, secured=False, created=self._clock.now()))  # fmt: skip
            if before and self._rules(held) and not self._rules(made) and not self._others_rule(person.id):
                raise Conflict("nobody would be left who rules", "make somebody else an administrator first", "grants")
            self._keep(made)
            if person.disabled:
                self.end(p.id for p in self.passes(person.id))
            self._tell()
            return before

    def drop_person(self, id: str) -> Person:
        """Take somebody out, with sessions and tokens; what they did stays on record. Raises NotFound, Conflict."""
        with self._turn:
            account = self._account(id)
            if self._rules(account) and not self._others_rule(id):
                raise Conflict("nobody would be left who rules", "make somebody else an administrator first", "person")
            self.end(p.id for p in self.passes(id))
            self._store.commit(
                Change("DELETE FROM person_row WHERE person = $p", {"p": id}),
                Change("DELETE FROM grant_row WHERE person = $p", {"p": id}),
                Change(
                    "DELETE FROM identity_row WHERE person = $p", {"p": id}
                ),  # nobody inherits who signed in elsewhere
            )
            del self._accounts[id]
            self._tell()
            return account.person

    def unlock(self, id: str) -> None:
        """An account waits no longer."""
        with self._turn:
            self._keep(replace(self._account(id), failed=0, locked=None))

    def prove(self, id: str, password: str) -> None:
        """Raises Unauthorized where this is not somebody's password."""
        self._proven(self._account(id), password)

    def link(self, id: str) -> str:
        """A word for a link, good once and for a day, with which somebody sets a password. Raises NotFound."""
        with self._turn:
            account = self._account(id)
            if account.person.service:
                raise Conflict("a service has no password", "make a token for it", "person")
            word = secrets.token_urlsafe(32)
            self._keep(replace(account, link=digest(word), link_until=self._clock.now() + LINK))
            return word

    def first(self) -> str:
        """The word of the link for whoever comes first: as long as nobody rules, a new one each time."""
        if "admin" not in self._accounts:
            self.put_person(Person("admin", "系统管理员", grants=(Grant("administrator"),)))
        return self.link("admin")

    def linked(self, word: str) -> Person:
        """Whose link this is. Raises Unauthorized."""
        return self._linked(word).person

    def set_password(self, id: str, password: str, old: str | None = None, word: str = "") -> None:
        """Set a password, for whoever knows the `old` one or has the `word` of a link; all sessions end. Raises BadRequest, Unauthorized."""
        with self._turn:
            account = self._linked(word) if word else self._account(id)
            if not word:
                self._proven(account, old or "")
            strong(password, account.person.id, account.person.title, account.person.email.partition("@")[0])
            with self._hashing:
                made = self._hasher.hash(password)
            self._keep(replace(account, password=made, link="", link_until=None, failed=0, locked=None))
            self.end(p.id for p in self.passes(account.person.id, "session"))

    # -- second factor (TOTP, RFC 6238)

    def offer_factor(self, id: str) -> tuple[str, str]:
        """A secret for an authenticator app and its otpauth address; it holds once `confirm_factor` was told a code of it."""
        with self._turn:
            account = self._account(id)
            if account.person.secured:
                raise Conflict("there is a second factor", "take it off first", "factor")
            secret = pyotp.random_base32()
            self._keep(replace(account, factor=f"?{secret}"))
            return secret, pyotp.TOTP(secret).provisioning_uri(name=account.person.id, issuer_name="CityTwin")

    def confirm_factor(self, id: str, code: str, here: str = "") -> list[str]:
        """The secret holds from now on, and every session but that one ends. Returns spare codes, each good once. Raises BadRequest."""
        with self._turn:
            account = self._account(id)
            if not account.factor.startswith("?"):
                raise BadRequest("no secret was offered", "ask for one first", "factor")
            slot = self._slot(account.factor[1:], code, 0)
            if slot is None:
                raise BadRequest(
                    "the code is not the one of now", "check the clock of the device, and give the newest", "code"
                )
            spare = [secrets.token_hex(5) for _ in range(SPARES)]
            person = replace(account.person, secured=True)
            self._keep(
                replace(
                    account, person=person, factor=account.factor[1:], factor_slot=slot, spare=tuple(map(digest, spare))
                )
            )
            self._end_others(id, here)
            return spare

    def _end_others(self, id: str, here: str) -> None:
        """Whoever else is signed in as them comes again."""
        self.end(p.id for p in self.passes(id, "session") if p.id != here)

    def drop_factor(self, id: str, here: str = "") -> None:
        """No second factor is asked for any more, and every session but that one ends. Raises NotFound, Conflict where there is none."""
        with self._turn:
            account = self._account(id)
            if not account.person.secured:
                raise Conflict("there is no second factor", "nothing is left to take off", "factor")
            self._keep(
                replace(account, person=replace(account.person, secured=False), factor="", factor_slot=0, spare=())
            )
            self._end_others(id, here)

    def _slot(self, secret: str, code: str, after: int) -> int | None:
        """The half minute a code is of, if it is of now or beside, and later than the last that was used (no code is good twice)."""
        now = int(self._clock.now().timestamp()) // 30
        for slot in (now - 1, now, now + 1):
            if slot > after and hmac.compare_digest(pyotp.TOTP(secret).at(slot * 30), code.strip().replace(" ", "")):
                return slot
        return None

    # -- who asks

    def admit(self, id: str, address: str, agent: str) -> tuple[Pass, str]:
        """A session, and its secret, of somebody whom another has asked who they are. Raises Unauthorized where they may not come in."""
        with self._turn:
            account = self._accounts.get(id)
            if account is None or account.person.disabled or account.person.service:
                raise Unauthorized("nobody signs in by this account", "ask your administrator", "disabled")
            self._keep(replace(account, person=replace(account.person, seen=self._clock.now())), must=False)
            return self._issue("session", id, "oidc", None, SHIFT, address, agent)

    def has_password(self, id: str) -> bool:
        """Whether somebody can sign in with a password."""
        return bool(self._account(id).password)

    def sign_in(self, id: str, password: str, code: str, address: str, agent: str, rulers: bool = False) -> str:
        """The secret of a new session; with `rulers`, of those who rule alone. Raises Unauthorized (never saying which part was wrong), TooMany."""
        account = self._accounts.get(id)
        now = self._clock.now()
        if account and account.locked and account.locked > now:
            wait = int((account.locked - now).total_seconds()) + 1
            raise TooMany("there were too many wrong tries", f"try again in {wait} s", "password", wait_s=wait)
        usable = account is not None and not account.person.disabled and bool(account.password)
        usable = usable and (not rulers or self._rules(account))
        with self._hashing:  # as long for nobody as for somebody
            right = self._right(account.password if usable and account else self._nobody, password)
        with self._turn:
            account = self._accounts.get(id)
            if not (usable and right and account):
                self._missed(account)
                raise Unauthorized("the name or the password is wrong", "after five tries an account waits", "password")
            if account.factor and account.person.secured:
                if not code:
                    raise Unauthorized("a code is needed as well", "give the code of your authenticator app", "code")
                account = self._second(account, code)
            self._keep(replace(account, failed=0, locked=None, person=replace(account.person, seen=now)), must=False)
            return self._issue("session", id, "", None, SHIFT, address, agent)[1]

    def _second(self, account: _Account, code: str) -> _Account:
        slot = self._slot(account.factor, code, account.factor_slot)
        if slot is not None:
            return replace(account, factor_slot=slot)
        spare = digest(code.strip().lower())
        if spare in account.spare:
            return replace(account, spare=tuple(s for s in account.spare if s != spare))
        self._missed(account)
        raise Unauthorized("the code is not the one of now", "give the newest one, or a spare code", "code")

    def _missed(self, account: _Account | None) -> None:
        if account is None:
            return
        failed = account.failed + 1
        wait = min(WAIT_S * 2 ** (failed - TRIES), LOCK_S) if failed >= TRIES else 0
        locked = self._clock.now() + timedelta(seconds=wait) if wait else None
        self._keep(replace(account, failed=failed, locked=locked), must=False)

    def _proven(self, account: _Account, password: str) -> None:
        if account.locked and account.locked > self._clock.now():
            raise TooMany("there were too many wrong tries", "wait a little", "password")
        with self._hashing:
            right = bool(account.password) and self._right(account.password, password)
        if not right:
            self._missed(account)
            raise Unauthorized("the password is wrong", "give the one you sign in with", "old")

    def _right(self, hashed: str, password: str) -> bool:
        try:
            return len(password) <= LONGEST and self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False

    def make_token(
        self, person: str, title: str, only: Iterable[str] | None = None, days: float = TOKEN_DAYS
    ) -> tuple[Pass, str]:
        """A token and its secret, which is told this once. Raises BadRequest, NotFound."""
        with self._turn:
            owner = self.person(person)
            if not title.strip() or len(title) > 100:
                raise BadRequest("a token has a name of 1 to 100 characters", "say what it is for", "title")
            if not 0 < days <= TOKEN_MOST_DAYS:
                raise BadRequest(f"{days:g} days", f"more than 0, at most {TOKEN_MOST_DAYS}", "days")
            chosen = None if only is None else frozenset(only)
            if unknown := sorted((chosen or frozenset()) - RIGHTS.keys()):
                raise BadRequest(f"there is no right '{unknown[0][:60]}'", f"known: {', '.join(RIGHTS)}", "rights")
            if chosen is not None and (beyond := sorted(chosen - rights(owner.grants, self._clock.now()))):
                raise Forbidden(
                    f"'{owner.id}' may not '{beyond[0]}'", "a token gives no more than its owner has", "rights"
                )
            return self._issue("token", person, title.strip(), chosen, timedelta(days=days), "", "")

    def _issue(self, kind: str, person: str, title: str, only: frozenset[str] | None, lasts: timedelta, address: str, agent: str) -> tuple[Pass, str]:  # fmt: skip
        now = self._clock.now()
        secret = PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        made = Pass(
            secrets.token_hex(8),
            kind,
            person,
            title,
            only,
            now,
            now + lasts,
            now if kind == "session" else None,
            address[:60],
            agent[:200],
        )
        said = {"pass": made.id, "secret": digest(secret), "kind": kind, "person": person, "title": title, "rights": "*" if only is None else " ".join(sorted(only)),
                "created": now, "expires": made.expires, "seen": made.seen, "address": made.address, "agent": made.agent}  # fmt: skip
        sql = "INSERT INTO pass_row VALUES ($pass, $secret, $kind, $person, $title, $rights, $created, $expires, $seen, $address, $agent, NULL)"
        try:
            self._store.commit(Change(sql, said))
        except StoreFailed as e:
            if kind != "session":
                raise
            log.warning(
                "the session of %s ends with the server: %s", person, e.message
            )  # whoever reads is let in all the same
        self._passes[made.id] = self._by_secret[digest(secret)] = made
        return made, secret

    def end(self, passes: Iterable[str]) -> int:
        """Sessions and tokens are good no longer. Returns how many were."""
        with self._turn:
            found = [p for id in passes if (p := self._passes.get(id))]
            if not found:
                return 0
            now = self._clock.now()
            self._store.commit(
                *(Change("UPDATE pass_row SET ended = $n WHERE pass = $p", {"n": now, "p": p.id}) for p in found)
            )
            for p in found:
                p.ended = now
                del self._passes[p.id]
            self._by_secret = {s: p for s, p in self._by_secret.items() if p.ended is None}
            self._tell()
            return len(found)

    def known(self, secret: str, kind: str = "") -> Caller | None:
        """Who has this secret of a session or token; None where nobody has, or has any longer."""
        held = self._callers.get(secret)
        if held is not None and kind in ("", held[0].kind):  # a sensor asks all day: nothing of it is looked up anew
            token, caller, until = held
            now = self._clock.now()
            if token.ended is None and now < token.expires and now < until:
                token.seen = now
                self._fresh.add(token.id)
                return caller
        one = self._by_secret.get(digest(secret)) if secret.startswith(PREFIX) and len(secret) < 100 else None
        if one is None or (kind and one.kind != kind):
            return None
        now = self._clock.now()
        account = self._accounts.get(one.person)
        if account is None or account.person.disabled or not self._good(one, now):
            return None
        one.seen = now
        self._fresh.add(one.id)
        person = account.person
        granted = rights(person.grants, now, one.only)
        if one.kind == "session" and one.title != "oidc" and self.lacks_factor(account.person):
            granted = frozenset()
        caller = Caller(person.id, person.title, granted, one.kind, good(person.grants, now), person.body, one.id)
        if one.kind == "token":
            if len(self._callers) > MOST_KNOWN:
                self._callers.clear()
            ends = [g.until for g in person.grants if g.until and g.until > now]
            self._callers[secret] = one, caller, min([one.expires, *ends])
        return caller

    def lacks_factor(self, person: Person) -> bool:
        """Whether somebody must set up a second factor before anything else."""
        if person.secured or self.secured == "nobody":
            return False
        return self.secured == "everybody" or "rule" in rights(person.grants, self._clock.now())

    def alive(self, pass_: str) -> bool:
        """Whether a session or token is good."""
        one = self._passes.get(pass_)
        return one is not None and self._good(one, self._clock.now())

    def _good(self, one: Pass, now: datetime) -> bool:
        if one.ended or one.expires <= now:
            return False
        return one.kind != "session" or (one.seen or one.created) + IDLE > now

    def keep_up(self) -> None:
        """Put on record when sessions and tokens were last seen."""
        with self._turn:
            fresh, self._fresh = self._fresh, set()
            seen = [p for id in fresh if (p := self._passes.get(id))]
            if seen:
                sql = "UPDATE pass_row SET seen = $n WHERE pass = $p"
                with contextlib.suppress(StoreFailed):  # the next look puts it on record
                    self._store.commit(*(Change(sql, {"n": p.seen, "p": p.id}) for p in seen))

    # -- the record of who did what

    def note(self, caller: Caller | None, address: str, act: str, subject: str, status: int, body: str = "", detail: Mapping[str, Any] | None = None) -> None:  # fmt: skip
        """Put on record who did what; `body` is the SHA-256 of what came with it."""
        said = {"time": self._clock.now(), "person": caller.id if caller else "", "via": caller.via if caller else "", "address": address[:60], "act": act, "subject": subject[:500],
                "status": status, "digest": body, "detail": json.dumps(detail or {}, ensure_ascii=False, default=str)[:20_000]}  # fmt: skip
        sql = "INSERT INTO audit_row SELECT coalesce(max(n), 0) + 1, $time, $person, $via, $address, $act, $subject, $status, $digest, $detail FROM audit_row"
        try:
            self._store.commit(Change(sql, said))
        except (
            StoreFailed
        ) as e:  # a store that takes nothing lets nobody change anything: what is left are refusals and signing in
            log.error("not on record: %s (%s)", said, e.message)

    # -- plumbing

    def _account(self, id: str) -> _Account:
        if id not in self._accounts:
            raise NotFound(f"there is nobody '{id[:60]}'", "see /api/people", "person")
        return self._accounts[id]

    def _linked(self, word: str) -> _Account:
        held = digest(word)
        for account in self._accounts.values():
            if account.link and hmac.compare_digest(account.link, held) and account.link_until and account.link_until > self._clock.now() and not account.person.disabled:  # fmt: skip
                return account
        raise Unauthorized("the link was used, or its time is up", "ask for a new one", "link")

    def _rules(self, account: _Account | None) -> bool:
        return (
            account is not None
            and not account.person.disabled
            and "rule" in rights(account.person.grants, self._clock.now())
        )

    def _others_rule(self, id: str) -> bool:
        return any(self._rules(a) and a.password for a in self._accounts.values() if a.person.id != id)

    def _keep(self, account: _Account, must: bool = True) -> None:
        """Put an account on record. Unless it `must`, it holds until the next start where the store takes nothing, as on a full disk."""
        p = account.person
        said = {"person": p.id, "title": p.title, "body": p.body, "email": p.email, "service": p.service, "disabled": p.disabled, "password": account.password, "factor": account.factor,
                "slot": account.factor_slot, "spare": json.dumps(account.spare), "failed": account.failed, "locked": account.locked, "link": account.link, "until": account.link_until,
                "created": p.created, "seen": p.seen}  # fmt: skip
        sql = "INSERT INTO person_row VALUES ($person, $title, $body, $email, $service, $disabled, $password, $factor, $slot, $spare, $failed, $locked, $link, $until, $created, $seen)"
        grants = [
            Change(
                "INSERT INTO grant_row VALUES ($person, $role, $body, $place, $pack, $until)",
                {"person": p.id, **asdict(g)},
            )
            for g in p.grants
        ]
        try:
            self._store.commit(
                Change("DELETE FROM person_row WHERE person = $p", {"p": p.id}),
                Change("DELETE FROM grant_row WHERE person = $p", {"p": p.id}),
                Change(sql, said),
                *grants,
            )
        except StoreFailed as e:
            if must:
                raise
            log.warning("what became of the account %s is not on record: %s", p.id, e.message)
        self._accounts[p.id] = account
        self._tell()

    def _tell(self) -> None:
        self._callers.clear()
        for hear in self.changed:
            hear()


def _checked(where: str, id: str, *titles: str) -> None:
    if not ID.fullmatch(id):
        raise BadRequest(
            f"'{id[:60]}' is not an id",
            "2 to 60 small letters, digits, dots, lines; it begins with a letter or digit",
            where,
        )
    for title in titles:
        if not 1 <= len(title.strip()) <= 100 or any(ord(c) < 32 for c in title):
            raise BadRequest("a title has 1 to 100 characters", "give one", "title")
