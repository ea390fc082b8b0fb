"""How do people sign in through the identity provider of their city? What `signin.yaml` declares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from citytwin.kernel.feed import Secret
from citytwin.kernel.right import Grant
from citytwin.kernel.title import Title


@dataclass(frozen=True, slots=True)
class ClaimGrant:
    """Whoever has `value` among what the provider says as `claim` has a role, for all of the city or for a body, a place or a pack."""

    claim: str
    value: str
    role: str
    body: str = ""
    place: str = ""
    pack: str = ""


@dataclass(frozen=True, slots=True)
class ClaimBody:
    """Whoever has `value` among what the provider says as `claim` belongs to a body; the first that fits holds."""

    claim: str
    value: str
    body: str


@dataclass(frozen=True, slots=True)
class SigninFile:
    """`signin.yaml`: the provider (OpenID Connect), what its claims give, and who is let in.

    `address` is that under which people reach the city. `unknown`: what becomes of somebody whom no account knows. An account is known by issuer and subject; `account` and `name`
    are the claims that name one that is made. `passwords`: who may still sign in with a password of this city. Of `acr` one is needed, and all of `amr`, where any are named.
    """

    issuer: str
    client_id: str
    client_secret: Secret
    address: str
    title: Title
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    account: str = "preferred_username"
    name: str = "name"
    unknown: Literal["refuse", "create"] = "refuse"
    passwords: Literal["everybody", "administrators"] = "everybody"
    grants: tuple[ClaimGrant, ...] = ()
    bodies: tuple[ClaimBody, ...] = ()
    acr: tuple[str, ...] = ()
    amr: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    certificates: str = ""
    timeout_s: float = 10.0

    @property
    def redirect(self) -> str:
        """Where the provider sends people back to: exactly this has to be registered there."""
        return f"{self.address.rstrip('/')}/api/signin/back"

    @property
    def needed(self) -> frozenset[str]:
        """The claims that are looked at."""
        return frozenset((self.account, self.name, *(g.claim for g in self.grants), *(b.claim for b in self.bodies)))

    def granted(self, claims: Mapping[str, Any]) -> tuple[Grant, ...]:
        """What these claims give."""
        found = (Grant(g.role, g.body, g.place, g.pack) for g in self.grants if g.value in said(claims, g.claim))
        return tuple(dict.fromkeys(found))

    def body(self, claims: Mapping[str, Any]) -> str:
        """The body to which these claims belong; "": none."""
        return next((b.body for b in self.bodies if b.value in said(claims, b.claim)), "")


def said(claims: Mapping[str, Any], path: str) -> frozenset[str]:
    """The words of a claim: one, or a list of them; `realm_access.roles` is a claim within a claim, unless one is called so."""
    value: Any = claims.get(path)
    if value is None and "." in path:
        value = claims
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        return frozenset((value,))
    return (
        frozenset(v for v in value if isinstance(v, str))
        if isinstance(value, Iterable) and not isinstance(value, Mapping)
        else frozenset()
    )
