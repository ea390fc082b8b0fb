"""At least, at most, by, or exactly? The words on both sides of a number decide."""

from __future__ import annotations

import re
from dataclasses import dataclass

from . import words as w
from .tokens import Quantity
from .units import is_count


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparator, what qualifies it, and the words left of the verb (where the subject stands)."""

    comparator: str
    qualifier: str | None
    head: str
    level: bool  # a verb of level or change governs the number, so the subject stands before it


def compare(left: str, suffix: re.Match[str] | None, q: Quantity) -> Comparison:
    """Read the comparator from the words before a number, the suffix after it and the number's own 余 or 多."""
    head = left
    m = w.REFERENCE.search(head)
    if m:  # 达到用电负荷的5%: what it is a share of stands between verb and number
        head = head[: m.start("of")]
    about = bool(suffix and suffix.group("about"))
    m = w.ABOUT.search(head)
    if m:
        about, head = True, head[: m.start()]
    at_least = bool(suffix and suffix.group("up"))
    at_most = bool(suffix and suffix.group("down"))
    strict = False
    m = w.AT_LEAST.search(head)
    if m:
        at_least, strict, head = True, True, head[: m.start()]
    elif m := w.AT_MOST.search(head):
        at_most, strict, head = True, True, head[: m.start()]
    if w.NEARBY_LEAST.search(head) and not at_most:
        at_least = True
    head = re.sub(r"(?:分别|均|都|各|总?共|合计|累计|总计)+$", "", head)
    qualifier = "approx" if about else q.fuzz or None
    if q.base:
        return Comparison(q.base, qualifier, re.sub(r"(?:实现|达到|力争)$", "", head), True)
    return _verb(head, about, at_least, at_most, strict, qualifier, q)


def _verb(
    head: str, about: bool, at_least: bool, at_most: bool, strict: bool, qualifier: str | None, q: Quantity
) -> Comparison:
    bare = re.sub(r"(?:分别|均|都|各)+$", "", head)
    if m := w.RATE.search(head):
        sign = ">=" if at_least else "<=" if at_most else "approx" if about else ">="
        return Comparison(sign, qualifier, head[: m.end()], True)
    if m := w.DOWN_TO.search(head):
        return Comparison(
            ">=" if at_least and strict else "approx" if about and not at_most else "<=",
            qualifier,
            bare[: m.start()],
            True,
        )
    if m := w.HELD.search(head):
        sign = ">=" if at_least else "<=" if at_most or not about else "approx"
        return Comparison(sign, qualifier, head[: m.start()], True)
    if (m := w.UP_TO.search(head)) or (m := w.KEPT.search(head)):
        sign = "<=" if at_most else ">=" if at_least else "approx" if about else ">="
        if q.value == 100 and q.unit == "%" and not at_least:
            sign = "="  # nothing lies above the whole
        return Comparison(sign, qualifier, head[: m.start()], True)
    if (m := w.DOWN_BY.search(head)) and not m.group().endswith(("减排量", "减少量", "削减量", "节约量")):
        return Comparison("reduce_by", qualifier or ("at_least" if at_least else None), head[: m.start()], True)
    if (m := w.UP_BY.search(head)) and not head.endswith(("新增", "增设")):
        return Comparison("increase_by", qualifier or ("at_least" if at_least else None), head[: m.start()], True)
    sign = ">=" if at_least or q.fuzz else "<=" if at_most else "approx" if about else "="
    if w.DOWN_NOUN.search(head) and not is_count(q.word) and not strict:
        return Comparison("reduce_by", qualifier, head, False)
    if m := w.IS.search(head):
        return Comparison(sign, qualifier, head[: m.start()], True)
    return Comparison(sign, qualifier, head, strict)
