"""Tokens of an identity provider that were made wrong in every way that we know of, and keys that change."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import urllib.parse
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from citytwin.engine import reach
from citytwin.engine.oidc import LOGOUT, Provider, ProviderFailed, challenge, half_hash, safe
from citytwin.kernel.errors import Unauthorized
from citytwin.kernel.feed import Secret
from citytwin.kernel.signin import ClaimBody, ClaimGrant, SigninFile, said
from citytwin.kernel.title import Title
from tests.conftest import NOW

ISSUER = "https://id.city.test"
DECLARED = SigninFile(
    ISSUER, "twin", Secret(file="secret"), "https://twin.city.test", Title("统一认证", "City sign-in")
)
T = int(NOW.timestamp())
CLAIMS = {"iss": ISSUER, "aud": "twin", "sub": "248289", "exp": T + 300, "iat": T, "nonce": "n-0S6_WzA2Mj", "preferred_username": "wang", "name": "王敏"}  # fmt: skip
RSA = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
OTHER = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
NEXT = ECKey.generate_key("P-256", {"kid": "two", "use": "sig", "alg": "ES256"})
ED = OKPKey.generate_key("Ed25519", {"kid": "three", "use": "sig"})
METADATA = {
    "issuer": ISSUER, "authorization_endpoint": f"{ISSUER}/auth", "token_endpoint": f"{ISSUER}/token", "jwks_uri": f"{ISSUER}/jwks",
    "userinfo_endpoint": f"{ISSUER}/me", "end_session_endpoint": f"{ISSUER}/end", "code_challenge_methods_supported": ["S256"],
}  # fmt: skip


class Answers:
    """What a provider would answer, and what it was asked."""

    def __init__(self, *keys: Any) -> None:
        self.metadata: dict[str, Any] = dict(METADATA)
        self.keys = [k.as_dict(private=False) for k in keys]
        self.tokens: tuple[int, dict[str, Any]] = (200, {})
        self.userinfo: dict[str, Any] = {}
        self.asked: list[tuple[str, bytes, Any]] = []
        self.away = False

    def __call__(self, method: str, url: str, headers: Any, body: bytes = b"", *rest: Any) -> reach.Answer:
        self.asked.append((url, body, headers))
        if self.away:
            raise reach.Unreached("did not answer", "", url)
        status, told = {
            "/.well-known/openid-configuration": (200, self.metadata),
            "/jwks": (200, {"keys": self.keys}),
            "/token": self.tokens,
            "/me": (200, self.userinfo),
        }[url.removeprefix(ISSUER)]
        return reach.Answer(status, json.dumps(told).encode())

    def count(self, path: str) -> int:
        return sum(url == ISSUER + path for url, _, _ in self.asked)


class Tick:
    at = 0.0

    def __call__(self) -> float:
        return self.at


def provider(answers: Answers, tmp_path: Path, tick: Callable[[], float] | None = None, **more: Any) -> Provider:
    (tmp_path / "secret").write_text("a secret:with signs\n")
    return Provider(replace(DECLARED, **more), tmp_path, lambda: NOW, answers, tick or Tick())


def token(key: Any = RSA, alg: str = "RS256", header: dict[str, Any] | None = None, **change: Any) -> str:
    claims = {k: v for k, v in (CLAIMS | change).items() if v is not ...}
    protected = {"alg": alg, "kid": key.get("kid")} | (header or {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        return jws.serialize_compact({k: v for k, v in protected.items() if v is not ...}, json.dumps(claims), key, algorithms=[alg])  # fmt: skip


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(("key", "alg"), [(RSA, "RS256"), (NEXT, "ES256"), (ED, "EdDSA"), (ED, "Ed25519")])
def test_a_good_token_against_its_claims(key: Any, alg: str, tmp_path: Path) -> None:
    one = provider(Answers(RSA, NEXT, ED), tmp_path)
    assert one.checked(token(key, alg), CLAIMS["nonce"]) == CLAIMS
    assert one.checked(token(key, alg, at_hash=half_hash("access", alg)), CLAIMS["nonce"], "access")["sub"] == "248289"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"iss": "https://id.city.test/"}, "iss"), ({"iss": ...}, "iss"), ({"aud": "another"}, "aud"), ({"aud": ...}, "aud"), ({"aud": ["twin", "another"]}, "azp"),
        ({"azp": "another"}, "azp"), ({"exp": T - 61}, "exp"), ({"exp": "soon"}, "exp"), ({"exp": ...}, "exp"), ({"exp": True}, "exp"), ({"iat": T - 3600}, "iat"), ({"iat": T + 120}, "iat"),
        ({"iat": ...}, "iat"), ({"nbf": T + 120}, "nbf"), ({"nonce": "another"}, "nonce"), ({"nonce": ...}, "nonce"), ({"nonce": 7}, "nonce"), ({"at_hash": "77QmUPtjPfzWtF2AnpK9RQ"}, "at_hash"),
        ({"sub": ""}, "sub"), ({"sub": ...}, "sub"), ({"sub": 7}, "sub"), ({"sub": "x" * 256}, "sub"),
    ],
)  # fmt: skip
def test_a_token_against_claims_that_are_not_ours(change: dict[str, Any], where: str, tmp_path: Path) -> None:
    with pytest.raises(Unauthorized) as e:
        provider(Answers(RSA), tmp_path).checked(token(**change), CLAIMS["nonce"], "access")
    assert e.value.where == where


def test_clocks_that_differ_a_little_against_the_leeway(tmp_path: Path) -> None:
    one = provider(Answers(RSA), tmp_path)
    assert one.checked(token(exp=T - 59, iat=T - 300), CLAIMS["nonce"])
    assert one.checked(token(iat=T + 59), CLAIMS["nonce"])
    assert one.checked(token(aud=["twin", "another"], azp="twin"), CLAIMS["nonce"])


def test_a_forged_token_against_the_signature(tmp_path: Path) -> None:
    answers = Answers(RSA)
    one = provider(answers, tmp_path)
    head, claims, signature = token().split(".")
    public = RSA.as_pem(private=False)
    shared = f"{part({'alg': 'HS256', 'kid': 'one'})}.{part(CLAIMS)}"
    by_public = (
        base64.urlsafe_b64encode(hmac.new(public, shared.encode(), hashlib.sha256).digest()).decode().rstrip("=")
    )
    own = OTHER.as_dict(private=False)
    forged = {
        "none": (f"{part({'alg': 'none'})}.{claims}.", "alg"),
        "none with a signature": (f"{part({'alg': 'none', 'kid': 'one'})}.{claims}.{signature}", "alg"),
        "NONE": (f"{part({'alg': 'None'})}.{claims}.", "alg"),
        "no alg": (f"{part({'kid': 'one'})}.{claims}.{signature}", "alg"),
        "a list as alg": (f"{part({'alg': ['RS256']})}.{claims}.{signature}", "alg"),
        "HS256 with the public key": (f"{shared}.{by_public}", "alg"),
        "HS256 with the secret": (token(OctKey.import_key("a secret:with signs", {"kid": "one"}), "HS256"), "alg"),
        "another alg for the key": (f"{part({'alg': 'ES256', 'kid': 'one'})}.{claims}.{signature}", "signature"),
        "another key of that id": (token(OTHER), "signature"),
        "the key it brings along": (token(OTHER, header={"jwk": own}), "signature"),
        "no signature": (f"{head}.{claims}.", "signature"),
        "other claims": (f"{head}.{part(CLAIMS | {'sub': 'boss'})}.{signature}", "signature"),
        "crit": (token(header={"crit": ["b64"], "b64": True}), "crit"),
        "no id of a key, another key": (token(OTHER, header={"kid": ...}), "signature"),
        "no JSON": (f"{head}x.{claims}.{signature}", "token"),
        "two parts": (f"{head}.{claims}", "token"),
        "five parts": (f"{head}.{claims}.a.b.c", "token"),
        "too long": (f"{head}.{'a' * 40_000}.{signature}", "token"),
        "nested": (f"{part(0)}.{base64.urlsafe_b64encode(b'[' * 9000).decode()}.x", "token"),
    }  # fmt: skip
    for name, (text, where) in forged.items():
        with pytest.raises(Unauthorized) as e:
            one.checked(text, CLAIMS["nonce"])
        assert (name, e.value.where) == (name, where)
    assert one.checked(token(header={"kid": ...}), CLAIMS["nonce"])  # an id of the key need not be there


def test_new_keys_against_how_often_the_provider_is_asked(tmp_path: Path) -> None:
    answers, tick = Answers(RSA), Tick()
    one = provider(answers, tmp_path, tick)
    assert one.checked(token(), CLAIMS["nonce"])
    answers.keys = [NEXT.as_dict(private=False)]  # it signs with another from now on
    tick.at = 60.0
    assert one.checked(token(NEXT, "ES256"), CLAIMS["nonce"])
    assert answers.count("/jwks") == 2
    with pytest.raises(Unauthorized):  # and the old one is good no longer
        one.checked(token(), CLAIMS["nonce"])
    for n in range(20):
        with pytest.raises(Unauthorized):
            one.checked(token(header={"kid": f"forged-{n}"}), CLAIMS["nonce"])
    assert answers.count("/jwks") == 2
    tick.at = 75.0
    with pytest.raises(Unauthorized):
        one.checked(token(header={"kid": "forged"}), CLAIMS["nonce"])
    assert answers.count("/jwks") == 3  # one look for a key that nobody knows
    assert answers.count("/.well-known/openid-configuration") == 1
    tick.at = 4000.0
    assert one.checked(token(NEXT, "ES256"), CLAIMS["nonce"])
    assert answers.count("/jwks") == 4  # taken back keys are noticed within the hour
    assert (one.health.keys, one.health.reachable) == (1, True)


def test_acr_and_amr_against_what_is_asked_for(tmp_path: Path) -> None:
    one = provider(Answers(RSA), tmp_path, acr=("silver", "gold"), amr=("otp", "pwd"))
    assert one.checked(token(acr="gold", amr=["pwd", "otp", "x"]), CLAIMS["nonce"])
    for change, where in (({"amr": ["pwd", "otp"]}, "acr"), ({"acr": "bronze", "amr": ["pwd", "otp"]}, "acr"), ({"acr": "gold", "amr": ["pwd"]}, "amr"), ({"acr": "gold"}, "amr")):  # fmt: skip
        with pytest.raises(Unauthorized) as e:
            one.checked(token(**change), CLAIMS["nonce"])
        assert e.value.where == where
    assert "acr_values=silver+gold" in one.authorize("s", "n", "v")


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": f"{ISSUER}/"}, {"issuer": "https://evil.test"}, {"token_endpoint": "http://id.city.test/token"}, {"jwks_uri": ""}, {"authorization_endpoint": "javascript:alert(1)"},
        {"code_challenge_methods_supported": ["plain"]}, {"token_endpoint_auth_methods_supported": ["private_key_jwt"]},
    ],
)  # fmt: skip
def test_metadata_that_are_not_to_be_trusted_against_a_refusal(change: dict[str, Any], tmp_path: Path) -> None:
    answers = Answers(RSA)
    answers.metadata |= change
    one = provider(answers, tmp_path)
    with pytest.raises(ProviderFailed):
        one.authorize("state", "nonce", "verifier")
    assert one.health.error


def test_a_provider_that_is_away_against_what_is_known_of_it(tmp_path: Path) -> None:
    answers, tick = Answers(RSA), Tick()
    answers.away = True
    one = provider(answers, tmp_path, tick)
    with pytest.raises(ProviderFailed, match="did not answer"):
        one.authorize("s", "n", "v")
    assert one.health.reachable is False
    answers.away = False
    assert one.authorize("s", "n", "v").startswith(f"{ISSUER}/auth?")
    assert one.health.reachable is True
    answers.away, tick.at = True, 4000.0
    assert one.authorize("s", "n", "v").startswith(f"{ISSUER}/auth?")  # where it was an hour ago


def test_a_code_against_what_is_sent_for_it(tmp_path: Path) -> None:
    answers = Answers(RSA)
    answers.tokens = (200, {"id_token": token(preferred_username=...), "access_token": "access"})
    answers.userinfo = {"sub": "248289", "preferred_username": "wang", "iss": "https://evil.test", "groups": ["water"]}
    one = provider(answers, tmp_path)
    claims, _ = one.redeem("the code", "the verifier", CLAIMS["nonce"])
    assert (claims["preferred_username"], claims["iss"]) == ("wang", ISSUER)  # what is signed comes first
    (form, headers), = [(urllib.parse.parse_qs(body.decode()), headers) for url, body, headers in answers.asked if url.endswith("/token")]  # fmt: skip
    assert form == {"grant_type": ["authorization_code"], "code": ["the code"], "redirect_uri": ["https://twin.city.test/api/signin/back"], "code_verifier": ["the verifier"]}  # fmt: skip
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == b"twin:a+secret%3Awith+signs"
    answers.userinfo["sub"] = "somebody else"
    with pytest.raises(Unauthorized):
        one.redeem("the code", "the verifier", CLAIMS["nonce"])
    answers.tokens = (400, {"error": "invalid_grant"})
    with pytest.raises(Unauthorized):
        one.redeem("used", "the verifier", CLAIMS["nonce"])
    answers.tokens = (401, {"error": "invalid_client"})
    with pytest.raises(ProviderFailed, match="invalid_client"):
        one.redeem("the code", "the verifier", CLAIMS["nonce"])
    (tmp_path / "secret").unlink()
    with pytest.raises(ProviderFailed, match="secret"):
        one.redeem("the code", "the verifier", CLAIMS["nonce"])


def test_hashes_against_the_examples_of_the_standards() -> None:
    # RFC 7636, appendix B; OpenID Connect Core 1.0, appendix A.4
    assert challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "RS256") == "77QmUPtjPfzWtF2AnpK9RQ"


def test_logout_tokens_against_those_that_are_none(tmp_path: Path) -> None:
    one = provider(Answers(RSA), tmp_path)
    base = {"nonce": ..., "events": {LOGOUT: {}}, "sid": "s1"}
    typ = {"typ": "logout+jwt"}
    assert one.logged_out(token(header=typ, **base, jti="a")) == ("248289", "s1")
    assert one.logged_out(token(header=typ, **base, jti="b", sub=...)) == ("", "s1")
    wrong = [
        (base | {"jti": "a"}, typ, "jti"), (base | {"jti": ...}, typ, "jti"), (base | {"jti": "c", "nonce": "x"}, typ, "events"), (base | {"jti": "c", "events": {}}, typ, "events"),
        (base | {"jti": "c", "events": {LOGOUT: 1}}, typ, "events"), (base | {"jti": "c", "aud": "another"}, typ, "aud"), (base | {"jti": "c", "iat": T - 3600}, typ, "exp"),
        (base | {"jti": "c", "sub": ..., "sid": ...}, typ, "sub"), (base | {"jti": "c"}, {"typ": "at+jwt"}, "typ"), ({}, {}, "events"),
    ]  # fmt: skip
    for change, header, where in wrong:
        with pytest.raises(Unauthorized) as e:
            one.logged_out(token(header=header, **change))
        assert e.value.where == where
    with pytest.raises(Unauthorized) as e:
        one.logged_out(token(OTHER, header=typ, **base, jti="c"))
    assert e.value.where == "signature"


def test_claims_against_what_they_give() -> None:
    declared = replace(DECLARED, grants=(ClaimGrant("groups", "ops", "operator", body="water"), ClaimGrant("realm.roles", "boss", "administrator")), bodies=(ClaimBody("dept", "7", "water"),))  # fmt: skip
    assert [g.role for g in declared.granted({"groups": ["ops", "x"], "realm": {"roles": ["boss"]}})] == ["operator", "administrator"]  # fmt: skip
    assert [g.body for g in declared.granted({"groups": "ops"})] == ["water"]
    assert declared.granted({"groups": {"ops": 1}, "realm": ["boss"]}) == ()
    assert (declared.body({"dept": "7"}), declared.body({"dept": 7})) == ("water", "")
    assert said({"https://x.y/roles": ["a"]}, "https://x.y/roles") == {"a"}


@pytest.mark.parametrize(("url", "good"), [("https://a/b", True), ("http://127.0.0.1:9/x", True), ("http://10.0.0.1/x", False), ("ftp://a/b", False), ("https://u:p@a/b", False)])  # fmt: skip
def test_addresses_against_what_may_be_read_on_the_way(url: str, good: bool) -> None:
    assert safe(url) is good
