"""How is a reading shown? Rows for programs, a table for people, a draft for the city's plan files."""

from __future__ import annotations

import hashlib
import re

from .load import columns
from .record import Commitment, Document, Reading

_CHECKABLE = ("numeric", "coverage", "milestone", "ban")
_HEADERS = ("section", "kind", "subject", "target", "deadline", "lead", "sure")
_WIDEST = (8, 9, 40, 20, 10, 24, 4)


def rows(reading: Reading, qualitative: bool = False) -> list[dict[str, object]]:
    """One record per commitment. Promises nobody can check (持续改善) are left out unless asked for."""
    return [
        c.row() for d in reading.documents for c in d.commitments if qualitative or c.kind != "qualitative"
    ]  # fmt: skip


def table(reading: Reading) -> str:
    """The commitments as an aligned table, one line each, a heading for each document."""
    out: list[str] = []
    for d in reading.documents:
        shown = [_cells(c) for c in d.commitments if c.kind not in ("fact", "rule")]
        out.append(
            " ".join(x for x in (f"{d.index}.", d.title, d.number or "", d.issued.isoformat() if d.issued else "") if x)
        )
        if not shown:
            out += ["   (no commitments)", ""]
            continue
        wide = [min(_WIDEST[i], max(columns(r[i]) for r in (_HEADERS, *shown))) for i in range(len(_HEADERS))]
        out += ["  ".join(_fitted(cell, wide[i]) for i, cell in enumerate(r)).rstrip() for r in (_HEADERS, *shown)]
        out.append("")
    return "\n".join(out)


def draft(reading: Reading) -> list[dict[str, object]]:
    """Each document as the plain mapping of a plan file: a draft to be checked by hand, surest commitments first to trust."""
    return [_plan(d) for d in reading.documents]


def _plan(d: Document) -> dict[str, object]:
    return {
        "id": slug(d),
        "title": d.title,
        "number": d.number,
        "bodies": list(d.bodies),
        "issued": d.issued.isoformat() if d.issued else None,
        "sections": [
            {"path": s.path, "title": s.title, "lead": list(s.lead), "participants": list(s.participants)} for s in d.sections
        ],
        "targets": [_target(c, n) for n, c in enumerate((c for c in d.commitments if c.kind in _CHECKABLE), 1)],
    }  # fmt: skip


def _target(c: Commitment, n: int) -> dict[str, object]:
    row = c.row()
    keep = ("kind", "quote", "subject", "comparator", "value", "value_max", "unit", "scope", "baseline", "baseline_value", "deadline",
            "deadline_source", "section", "lead", "participants", "modality", "force", "qualifier", "start", "end", "confidence")  # fmt: skip
    return {"id": f"t{n:03d}", **{k: row[k] for k in keep if row[k] not in (None, [], "")}}


def slug(d: Document) -> str:
    """A stable id for a document: its number's year and digits where it has them, else a digest of its title."""
    m = re.search(r"〔(\d{4})〕(?:第)?(\d+)号", d.number or "")
    digest = hashlib.sha256(((d.number or "") + d.title).encode()).hexdigest()[:6]
    return f"plan_{m.group(1)}_{m.group(2)}_{digest}" if m else f"plan_{d.year or 'undated'}_{digest}"


_SIGNS = {">=": "≥", "<=": "≤", "=": "=", "approx": "≈", "reduce_by": "−", "increase_by": "+", "done_by": "done"}


def _cells(c: Commitment) -> tuple[str, ...]:
    value = "" if c.value is None else f"{c.value:.10g}" + (f"–{c.value_max:.10g}" if c.value_max is not None else "")
    target = " ".join(x for x in (_SIGNS.get(c.comparator or "", ""), value, c.unit or "") if x)
    return (
        c.section, c.kind, c.subject, target, c.deadline.isoformat() if c.deadline else "—", "、".join(c.lead), f"{c.confidence:.2f}"
    )  # fmt: skip


def _fitted(text: str, width: int) -> str:
    if columns(text) <= width:
        return text + " " * (width - columns(text))
    out, used = "", 0
    for c in text:
        if used + columns(c) > width - 1:
            break
        out, used = out + c, used + columns(c)
    return out + "…" + " " * (width - 1 - used)
