"""How far is the plan? The periodic report of one plan, in the order of official documents: as plain content, as HTML and as DOCX."""

from .content import Content, Heading, Section, Table, Text, content
from .docx import docx
from .html import html

__all__ = ["Content", "Heading", "Section", "Table", "Text", "content", "docx", "html"]
