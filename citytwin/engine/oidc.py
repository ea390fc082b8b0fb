"""How does an identity provider tell who somebody is? OpenID Connect Core 1.0, the code flow with PKCE: discovery, keys, and every check of a token."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
import urllib.parse
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import KeySet

from citytwin.engine import reach
from citytwin.engine.feeds.secret import reveal
from citytwin.kernel.errors import BadRequest, CityTwinError, Unauthorized
from citytwin.kernel.signin import SigninFile, said

ALGORITHMS = ("RS256", "ES256", "EdDSA", "Ed25519")
"""Signatures with a key of the provider's own. Never `none`, and never one whose key we would share (HS256)."""
KEY_TYPES = {"RS256": "RSA", "ES256": "EC", "EdDSA": "OKP", "Ed25519": "OKP"}
LEEWAY_S = 60
"""By how much the clocks may differ."""
OLDEST_S = 600
"""An ID token that was made longer ago is not of this sign-in."""
KEPT_S, REFRESH_S = 3600.0, 10.0
"""For how long metadata and keys are held, and how soon keys are asked for again because of a key nobody knows."""
LONGEST = 32 * 1024
"""Characters of a token."""
LOGOUT = "http://schemas.openid.net/event/backchannel-logout"
Ask = Callable[..., reach.Answer]


class ProviderFailed(CityTwinError):
    """The provider cannot be reached, or does not answer as OpenID Connect has it."""

    code = "provider_failed"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What of the provider's metadata is used (OpenID Connect Discovery 1.0, section 3)."""

    authorize: str
    token: str
    keys: str
    userinfo: str
    end: str
    basic: bool
    names_itself: bool
    """Whether every answer says whose it is (RFC 9207)."""


@dataclass
class Health:
    """How the provider stands, for those who look after it."""

    asked: datetime | None = None
    reachable: bool | None = None
    keys: int = 0
    keys_since: datetime | None = None
    error: str = ""
    error_at: datetime | None = None


class Provider:
    """An identity provider. Nothing is asked of it before somebody needs it, so a city starts without it."""

    def __init__(self, declared: SigninFile, home: Path, now: Callable[[], datetime], ask: Ask = reach.request, tick: Callable[[], float] = time.monotonic) -> None:  # fmt: skip
        self.declared = declared
        self.health = Health()
        self._home, self._now, self._ask, self._tick = home, now, ask, tick
        self._networks = tuple(ip_network(n) for n in declared.networks)
        self._turn = threading.Lock()
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._told: dict[str, float] = {}
        """Logout tokens that were used (jti), and when they may be forgotten."""

    # -- what the provider says of itself

    def metadata(self) -> Metadata:
        """The provider's metadata, asked for at most once an hour. Raises ProviderFailed."""
        with self._turn:
            held = self._metadata
            if held is None or self._tick() - held[0] > KEPT_S:
                try:
                    made = self._read_metadata()
                except ProviderFailed:
                    if held is None:
                        raise
                    return held[1]  # what it said last; whether it answers is seen at the next step
                held = self._metadata = self._tick(), made
            return held[1]

    def _read_metadata(self) -> Metadata:
        issuer = self.declared.issuer
        found = self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != issuer:
            raise self._failed(f"the provider calls itself '{str(found.get('issuer'))[:200]}', and signin.yaml '{issuer}'", "issuer: exactly as the provider writes it, with or without the last /")  # fmt: skip
        ends = {}
        for name, must in (("authorization_endpoint", True), ("token_endpoint", True), ("jwks_uri", True), ("userinfo_endpoint", False), ("end_session_endpoint", False)):  # fmt: skip
            url = found.get(name) or ""
            if (url or must) and not (isinstance(url, str) and safe(url)):
                raise self._failed(f"the provider's {name} is '{str(url)[:200]}'", "https, or http on a loopback address")  # fmt: skip
            ends[name] = url
        methods = found.get("code_challenge_methods_supported")
        if methods is not None and "S256" not in methods:
            raise self._failed("the provider does not know PKCE with S256", "switch it on for this client")
        auth = found.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if not {"client_secret_basic", "client_secret_post"} & set(auth):
            raise self._failed("the provider takes no client secret", "client_secret_basic or client_secret_post")
        return Metadata(
            ends["authorization_endpoint"], ends["token_endpoint"], ends["jwks_uri"], ends["userinfo_endpoint"], ends["end_session_endpoint"],
            "client_secret_basic" in auth, found.get("authorization_response_iss_parameter_supported") is True,
        )  # fmt: skip

    def look(self) -> None:
        """Ask for metadata and keys now, to see how the provider stands. Raises ProviderFailed."""
        with self._turn:
            self._metadata = self._tick(), self._read_metadata()
        self._fetch_keys(self._tick())

    # -- on the way there and back

    def authorize(self, state: str, nonce: str, verifier: str) -> str:
        """Where the browser is sent. Raises ProviderFailed."""
        d = self.declared
        asked = {
            "response_type": "code", "client_id": d.client_id, "redirect_uri": d.redirect, "scope": " ".join(dict.fromkeys(("openid", *d.scopes))),
            "state": state, "nonce": nonce, "code_challenge": challenge(verifier), "code_challenge_method": "S256",
        }  # fmt: skip
        if d.acr:
            asked["acr_values"] = " ".join(d.acr)
        return with_query(self.metadata().authorize, asked)

    def leave(self, hint: str, back: str) -> str:
        """Where the browser is sent to sign out at the provider as well; "" where it knows no such thing. Raises ProviderFailed."""
        end = self.metadata().end
        if not end:
            return ""
        asked = {"client_id": self.declared.client_id, "post_logout_redirect_uri": back}
        return with_query(end, asked | ({"id_token_hint": hint} if hint else {}))

    def redeem(self, code: str, verifier: str, nonce: str) -> tuple[dict[str, Any], str]:
        """The claims of whoever came with this code, and their ID token. Raises ProviderFailed, Unauthorized."""
        d, meta = self.declared, self.metadata()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": d.redirect, "code_verifier": verifier}
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        try:
            secret = reveal(d.client_secret, self._home)
        except CityTwinError as e:
            raise self._failed(e.message, e.hint) from e
        if meta.basic:  # RFC 6749, 2.3.1: both are form-encoded first
            pair = f"{urllib.parse.quote_plus(d.client_id)}:{urllib.parse.quote_plus(secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": d.client_id, "client_secret": secret}
        answer = self._reach("POST", meta.token, headers, urlencode(form).encode())
        told = _object(answer.body)
        if answer.status != 200:
            why = str(told.get("error", ""))[:60] if told else ""
            if why == "invalid_grant":  # a code that was used, or is not of this browser
                raise Unauthorized("the provider does not take the code", "begin once more", "code")
            raise self._failed(f"the provider gives no token: {answer.status} {why}", "client_id, client_secret and the address of the city have to be as they are registered there")  # fmt: skip
        if told is None or not isinstance(told.get("id_token"), str):
            raise self._failed("the provider gives no ID token", "the scope openid has to be allowed for this client")
        access = told.get("access_token") if isinstance(told.get("access_token"), str) else ""
        claims = self.checked(told["id_token"], nonce, str(access or ""))
        if access and meta.userinfo and any(not said(claims, c) for c in d.needed):
            claims = self._userinfo(meta.userinfo, str(access), claims["sub"]) | claims
        return claims, told["id_token"]

    def _userinfo(self, url: str, access: str, subject: str) -> dict[str, Any]:
        answer = self._reach("GET", url, {"Authorization": f"Bearer {access}", "Accept": "application/json"})
        found = _object(answer.body)
        if answer.status != 200 or found is None:
            raise self._failed(f"the provider's userinfo answers {answer.status}", "it has to answer as JSON")
        if found.get("sub") != subject:  # Core 5.3.2: it may be somebody else's
            raise Unauthorized("the provider tells of somebody else", "begin once more", "sub")
        return found

    # -- tokens

    def checked(self, token: str, nonce: str, access: str = "") -> dict[str, Any]:
        """The claims of an ID token, after every check of Core 3.1.3.7. Raises Unauthorized saying which failed, ProviderFailed."""
        header, claims = self._verified(token)
        self._ours(claims)
        now = self._now().timestamp()
        made, ends = _number(claims, "iat"), _number(claims, "exp")
        if ends + LEEWAY_S <= now:
            raise _no("the ID token's time is up", "exp")
        if not now - OLDEST_S - LEEWAY_S <= made <= now + LEEWAY_S:
            raise _no("the ID token was made at another time", "iat")
        if "nbf" in claims and _number(claims, "nbf") > now + LEEWAY_S:
            raise _no("the ID token does not hold yet", "nbf")
        if not isinstance(claims.get("nonce"), str) or not hmac.compare_digest(claims["nonce"].encode(), nonce.encode()):  # fmt: skip
            raise _no("the ID token is of another sign-in", "nonce")
        if "at_hash" in claims and claims["at_hash"] != half_hash(access, header["alg"]):
            raise _no("the ID token is of another access token", "at_hash")
        d = self.declared
        if d.acr and claims.get("acr") not in d.acr:
            raise _no(f"the provider asked for too little (acr {str(claims.get('acr'))[:60]})", "acr")
        if not set(d.amr) <= said(claims, "amr"):
            raise _no(f"the provider asked for too little (amr lacks {', '.join(sorted(set(d.amr) - said(claims, 'amr')))})", "amr")  # fmt: skip
        return claims

    def logged_out(self, token: str) -> tuple[str, str]:
        """Subject and session (either may be "") of a logout token (Back-Channel Logout 1.0, 2.6). Raises Unauthorized, ProviderFailed."""
        header, claims = self._verified(token)
        if header.get("typ") not in (None, "JWT", "logout+jwt"):
            raise _no("it is no logout token", "typ")
        self._ours(claims, subject=False)
        now = self._now().timestamp()
        if not now - OLDEST_S - LEEWAY_S <= _number(claims, "iat") <= now + LEEWAY_S or _number(claims, "exp") + LEEWAY_S <= now:  # fmt: skip
            raise _no("the logout token's time is up", "exp")
        events, jti = claims.get("events"), claims.get("jti")
        if not isinstance(events, dict) or not isinstance(events.get(LOGOUT), dict) or "nonce" in claims:
            raise _no("it is no logout token", "events")
        subject, session = claims.get("sub", ""), claims.get("sid", "")
        if not isinstance(subject, str) or not isinstance(session, str) or not (subject or session):
            raise _no("the logout token names nobody", "sub")
        if not isinstance(jti, str) or not 0 < len(jti) <= 500:
            raise _no("the logout token has no id", "jti")
        with self._turn:
            self._told = {k: t for k, t in self._told.items() if t > now}
            if jti in self._told:
                raise _no("the logout token was used", "jti")
            self._told[jti] = now + OLDEST_S + 2 * LEEWAY_S
        return subject, session

    def _ours(self, claims: Mapping[str, Any], subject: bool = True) -> None:
        """Raises Unauthorized unless these claims are the provider's, and for us."""
        d = self.declared
        if claims.get("iss") != d.issuer:
            raise _no("the token is of another provider", "iss")
        for_whom = said(claims, "aud")
        if d.client_id not in for_whom:
            raise _no("the token is for another program", "aud")
        if ("azp" in claims or len(for_whom) > 1) and claims.get("azp") != d.client_id:
            raise _no("the token was made for another program", "azp")
        if subject and (not isinstance(claims.get("sub"), str) or not 0 < len(claims["sub"]) <= 255):
            raise _no("the token names nobody", "sub")

    def _verified(self, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Header and claims of a token that the provider signed. Raises Unauthorized, ProviderFailed."""
        if len(token) > LONGEST or token.count(".") != 2:
            raise _no("it is no signed token", "token")
        header = _object(_decoded(token.partition(".")[0]))
        if header is None:
            raise _no("it is no signed token", "token")
        alg, kid = header.get("alg"), header.get("kid")
        if alg not in ALGORITHMS:
            raise _no(f"a token signed by '{str(alg)[:20]}' is not taken", "alg")
        if "crit" in header or not isinstance(kid, str | None):
            raise _no("the token asks for what is not known here", "crit")
        for key in self._candidates(alg, kid):
            try:
                with warnings.catch_warnings():  # providers say EdDSA, which RFC 9864 calls Ed25519
                    warnings.simplefilter("ignore", SecurityWarning)
                    signed = jws.deserialize_compact(token.encode(), key, algorithms=list(ALGORITHMS))
            except (JoseError, ValueError):
                continue
            claims = _object(signed.payload)
            if claims is None:
                raise _no("the token says nothing", "token")
            return header, claims
        raise _no("the token is not signed by the provider", "signature")

    def _candidates(self, alg: str, kid: str | None) -> list[Any]:
        """The keys that may have signed; where there is none, the provider is asked once for its newest. Raises ProviderFailed."""
        now = self._tick()
        with self._turn:
            held = self._keys
        fresh = held is None or now - held[0] > KEPT_S
        if fresh:
            held = self._fetch_keys(now)
        assert held is not None
        found = _fitting(held[1], alg, kid)
        if (
            not found and not fresh and now - held[0] >= REFRESH_S
        ):  # it has new keys: a forged id makes us ask no more often
            found = _fitting(self._fetch_keys(now)[1], alg, kid)
        return found

    def _fetch_keys(self, now: float) -> tuple[float, KeySet]:
        url = self.metadata().keys
        found = self._get(url)
        kept = []
        for one in found.get("keys") or ():
            if isinstance(one, dict) and _signs(one):
                try:
                    kept += KeySet.import_key_set({"keys": [one]}).keys
                except (JoseError, ValueError, KeyError, TypeError):  # of a kind that we do not know: not for us
                    continue
        if not kept:
            raise self._failed("the provider has no key with which it signs", f"{', '.join(ALGORITHMS)} at {url}")
        made = now, KeySet(kept)
        with self._turn:
            self._keys = made
        self.health.keys, self.health.keys_since = len(kept), self._now()
        return made

    # -- asking

    def _get(self, url: str) -> dict[str, Any]:
        answer = self._reach("GET", url, {"Accept": "application/json"})
        found = _object(answer.body)
        if answer.status != 200 or found is None:
            raise self._failed(f"{url} answers {answer.status}, and no JSON object" if found is None else f"{url} answers {answer.status}", "is the issuer right?")  # fmt: skip
        return found

    def _reach(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> reach.Answer:
        d = self.declared
        trusted = str(self._home / d.certificates) if d.certificates else None
        self.health.asked = self._now()
        try:
            answer = self._ask(method, url, headers, body, self._networks, d.timeout_s, trusted)
        except (reach.Unreached, BadRequest, OSError) as e:
            self.health.reachable = False
            message = e.message if isinstance(e, CityTwinError) else str(e)
            raise self._failed(message, "networks: [10.0.0.0/8] in signin.yaml, where it lies in a network of the city's own") from e  # fmt: skip
        self.health.reachable = True
        return answer

    def _failed(self, message: str, hint: str) -> ProviderFailed:
        self.health.error, self.health.error_at = message, self._now()
        return ProviderFailed(message, hint, "signin.yaml")


def safe(url: str) -> bool:
    """Whether what goes there cannot be read on the way: https, or http to this machine itself."""
    try:
        parts = reach.parsed(url)
    except BadRequest:
        return False
    return parts.scheme == "https" or parts.hostname in ("127.0.0.1", "::1", "localhost")


def challenge(verifier: str) -> str:
    """What of a PKCE verifier goes ahead of it (RFC 7636, 4.2, S256)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def half_hash(text: str, alg: str) -> str:
    """`at_hash` (Core 3.1.3.6): the left half of the hash that the signature uses; Ed25519 uses SHA-512."""
    made = hashlib.sha256 if alg.endswith("256") else hashlib.sha512
    whole = made(text.encode()).digest()
    return base64.urlsafe_b64encode(whole[: len(whole) // 2]).decode().rstrip("=")


def with_query(url: str, asked: Mapping[str, str]) -> str:
    """An address with more to it, and what it had."""
    parts = urlsplit(url)
    return parts._replace(query="&".join(q for q in (parts.query, urlencode(asked)) if q)).geturl()


def _fitting(keys: KeySet, alg: str, kid: str | None) -> list[Any]:
    fit = [k for k in keys.keys if k.key_type == KEY_TYPES[alg] and k.get("alg", alg) in (alg, *(("EdDSA", "Ed25519") if KEY_TYPES[alg] == "OKP" else ()))]  # fmt: skip
    return [k for k in fit if k.get("kid") == kid] if kid is not None else fit[:10]


def _signs(key: Mapping[str, Any]) -> bool:
    """Whether this is a key with which we let somebody sign; of RSA, one of 2048 bits or more (NIST SP 800-131A)."""
    kind, curve = key.get("kty"), key.get("crv")
    if key.get("use", "sig") != "sig":
        return False
    return (kind == "RSA" and len(str(key.get("n", ""))) >= 342) or (kind, curve) in (
        ("EC", "P-256"),
        ("OKP", "Ed25519"),
    )


def _decoded(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""


def _object(raw: bytes | None) -> dict[str, Any] | None:
    try:
        found = json.loads(raw or b"")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _number(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _no(f"the token has no {name}", name)
    return float(value)


def _no(message: str, where: str) -> Unauthorized:
    return Unauthorized(message, "begin once more; if it stays so, tell your administrator", where)
