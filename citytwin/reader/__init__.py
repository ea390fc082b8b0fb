"""Plan documents (text, PDF, DOCX; Chinese, English): bytes → documents → sections → commitments."""

from .fault import ReaderError
from .reading import read
from .record import Commitment, Document, Paragraph, Reading, Responsibility, Section
from .render import draft, rows, slug, table

__all__ = [
    "Commitment",
    "Document",
    "Paragraph",
    "ReaderError",
    "Reading",
    "Responsibility",
    "Section",
    "draft",
    "read",
    "rows",
    "slug",
    "table",
]
