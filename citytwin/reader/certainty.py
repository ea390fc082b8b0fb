"""How sure is the reader of each field? A share for each way of knowing it."""

from __future__ import annotations

from collections.abc import Mapping

from .finding import Finding

# Set by hand near the shares that were right on documents the rules had not seen (see "How well it reads" in the reference), subjects below the
# agreement of their words; scopes are a guess.
_SHARES = {
    "value": {"stated": 0.98, "assumed": 0.85},
    "deadline": {"stated": 0.97, "inherited": 0.92, "assumed": 0.8},
    "lead": {"stated": 0.85, "inherited": 0.9, "assumed": 0.8},
    "baseline": {"stated": 0.95, "inherited": 0.9},
    "subject": {"stated": 0.8, "inherited": 0.65},
    "scope": {"stated": 0.7, "inherited": 0.6, "assumed": 0.5},
}
_COMPARATOR = {"=": 0.9, ">=": 0.95, "<=": 0.95, "approx": 0.9, "reduce_by": 0.97, "increase_by": 0.95, "done_by": 0.9}


def certainty(f: Finding, sources: Mapping[str, str]) -> dict[str, float]:
    """For each field that is known a number from 0 to 1; `kind` is how sure the reader is that this is a promise of that kind at all."""
    out = {"kind": round(f.sure, 2)}
    if f.comparator:
        out["comparator"] = _COMPARATOR.get(f.comparator, 0.8)
    for name, shares in _SHARES.items():
        source = sources.get(name, "none")
        if source in shares:
            doubt = 0.7 if f.doubtful and name in ("value", "subject") else 1.0
            out[name] = round(shares[source] * doubt, 2)
    return out
