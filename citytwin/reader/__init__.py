"""Plan documents (text, PDF, DOCX; Chinese, English): bytes → documents → sections → commitments."""

from .fault import ReaderError
from .reading import read
from .record import Commitment, Document, Reading, Responsibility, Section
from .render import draft, rows, table

__all__ = [
    "Commitment",
    "Document",
    "ReaderError",
    "Reading",
    "Responsibility",
    "Section",
    "draft",
    "read",
    "rows",
    "table",
]
