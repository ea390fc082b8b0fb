"""What is told on paper? The periodic report of a plan and the report of a case, in the order of official documents: as plain content, as HTML and as DOCX."""

from .case import case_content
from .content import Content, Heading, Section, Table, Text, content
from .docx import docx
from .html import html

__all__ = ["Content", "Heading", "Section", "Table", "Text", "case_content", "content", "docx", "html"]
