"""Can you prove it? Every accepted batch is a leaf of an append-only Merkle log (RFC 6962)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Leaf:
    """Entry `index` of the log: SHA-256 (hex) over the canonical bytes of what was recorded, and what that was."""

    index: int
    kind: str
    subject: str
    digest: str
    recorded: datetime
