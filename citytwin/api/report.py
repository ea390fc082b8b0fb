"""How far is the plan, and what became of the case, on paper? Reports to print and to edit."""

from __future__ import annotations

from datetime import date
from typing import Literal

from citytwin.api.house import House
from citytwin.api.route import Query, Route
from citytwin.engine import report
from citytwin.engine.report import Content

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


class ReportQuery(Query, frozen=True, kw_only=True):
    """At the end of which day, and in which language."""

    as_of: date | None = None
    lang: Literal["zh", "en"] = "zh"


def report_html(house: House, id: str, query: ReportQuery) -> bytes:
    """The periodic report of a plan, as a page to print"""
    return report.html(_content(house, id, query)).encode()


def report_docx(house: House, id: str, query: ReportQuery) -> bytes:
    """The periodic report of a plan, as a document to edit"""
    return report.docx(_content(house, id, query))


def _content(house: House, id: str, query: ReportQuery) -> Content:
    plan = house.twin.plan(id)
    as_of = query.as_of or house.today()
    standing = [p for p in house.progress(as_of) if p.plan == id]
    return report.content(house.twin, plan, standing, house.twin.reports(id, as_of), as_of, query.lang)


class CaseReportQuery(Query, frozen=True, kw_only=True):
    """In which language."""

    lang: Literal["zh", "en"] = "zh"


def case_html(house: House, id: str, query: CaseReportQuery) -> bytes:
    """The report of a case, as a page to print"""
    return report.html(report.case_content(house.twin, id, query.lang)).encode()


def case_docx(house: House, id: str, query: CaseReportQuery) -> bytes:
    """The report of a case, as a document to edit"""
    return report.docx(report.case_content(house.twin, id, query.lang))


ROUTES = (
    Route("GET", "/plans/{id}/report.html", report_html, media="text/html; charset=utf-8", response=str),
    Route("GET", "/plans/{id}/report.docx", report_docx, media=DOCX, response=bytes),
    Route("GET", "/cases/{id}/report.html", case_html, media="text/html; charset=utf-8", response=str),
    Route("GET", "/cases/{id}/report.docx", case_docx, media=DOCX, response=bytes),
)
