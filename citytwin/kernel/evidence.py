"""Can you prove it? Every accepted batch is a leaf of an append-only Merkle log (RFC 6962)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Leaf:
    """Entry `index` of the log: what was recorded (`kind`, `subject`), and its RFC 6962 leaf hash (`digest`, hex).

    The leaf's data are the SHA-256 of the canonical bytes of what was recorded: the log holds hashes, never payloads.
    """

    index: int
    kind: str
    subject: str
    digest: str
    recorded: datetime
