"""How is a document divided? Headings accepted only when their counter is the one expected."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .load import Text
from .split import Part

_CN = "一二三四五六七八九"
_STYLES: tuple[tuple[int, str, re.Pattern[str]], ...] = (
    (0, "", re.compile(r"第([一二三四五六七八九十百]{1,4})[篇编]")),
    (1, "", re.compile(r"第([一二三四五六七八九十百]{1,4})(?:章|部分)")),
    (2, "", re.compile(r"第([一二三四五六七八九十百]{1,4})节")),
    (3, "", re.compile(r"([一二三四五六七八九十]{1,3})[、.。](?!是)")),
    (4, "", re.compile(r"（([一二三四五六七八九十]{1,3})）[、.。]?")),
    (
        5,
        "",
        re.compile(
            r"(\d{1,3})(?:[.、．](?!\d)|[.、](?=\d{2,3}[\u4e00-\u9fff]|(?:19|20)\d\d年|\d{1,2}月|[2-6]G[\u4e00-\u9fff]))"
        ),
    ),
    (6, "", re.compile(r"（(\d{1,3})）|(\d{1,3})）")),
    (7, "", re.compile(r"([①-⑳])")),
)
_BOX = re.compile(r"专栏(\d{1,3}|[一二三四五六七八九十]{1,3})")
_CLOSED = "。！？；：）”"
_LONGEST_TITLE = 60
_Found = tuple[int, str, int, int, int, str]  # rank, number, start, text, body, title


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading as found: where it is, what it is called, which path leads to it."""

    path: str
    number: str
    level: int
    title: str
    start: int
    text: int  # just after the counter
    body: int  # just after the title
    end: int


def counter(text: str) -> int:
    """A heading's counter in digits, Chinese numerals or circled digits."""
    if len(text) == 1 and "①" <= text <= "⑳":
        return ord(text) - ord("①") + 1
    if text.isascii():
        return int(text)
    value = 0
    for part in re.findall(r"([一二三四五六七八九]?)(百|十)|([一二三四五六七八九])", text):
        value += (
            (_CN.find(part[0]) + 1 if part[0] else 1) * (100 if part[1] == "百" else 10)
            if part[1]
            else _CN.find(part[2]) + 1
        )
    return value


def headings(text: Text, part: Part) -> tuple[Heading, ...]:
    """The numbered headings of a document in order, each ending where the next of its rank begins."""
    found: list[_Found] = []
    open_: list[tuple[int, int]] = []  # (rank, counter) from the top down to where we are
    last: dict[int, int] = {}
    previous = "。"
    for n, line in enumerate(part.lines):
        words = text.plain[line.start : line.end]
        if line.start >= part.end:
            break
        closed, previous = previous in _CLOSED, words[-1]
        if line.start < part.head_end or not (line.opens or closed) or words.count("|") > 1:  # a row of a table
            continue
        box = _BOX.match(words)
        if box and len(words) < 40:
            title = words[box.end() :].lstrip("：:.、")
            found.append((9, "专栏" + box.group(1), line.start, line.end - len(title), line.end, title))
            continue
        for rank, _, pattern in _STYLES:
            m = pattern.match(words)
            if not m:
                continue
            number = next(g for g in m.groups() if g)
            value = counter(number)
            if not _expected(rank, value, open_, last):
                break
            while open_ and open_[-1][0] >= rank:
                open_.pop()
            open_.append((rank, value))
            last[rank] = value
            body, title = _title(text, part, n, m.end())
            found.append((rank, number, line.start, line.start + m.end(), body, title))
            break
    return _tree(text, found, part.end)


def _expected(rank: int, value: int, open_: list[tuple[int, int]], last: dict[int, int]) -> bool:
    here = next((v for r, v in open_ if r == rank), None)
    if here is not None:
        # A copy on the web loses a heading now and then; Chinese counters are safe enough to forgive one.
        return value == here + 1 or (value == here + 2 and rank in (3, 4)) or (rank == 5 and value == 1)
    # Below a new parent the count begins again, or goes on through the whole document.
    return value == 1 or value == last.get(rank, -1) + 1 or (rank in (3, 4) and value == last.get(rank, -9) + 2)


def _title(text: Text, part: Part, n: int, skip: int) -> tuple[int, str]:
    """Where a heading's own text begins, and its title: the line, or a run-in sentence up to its full stop."""
    line = part.lines[n]
    at = line.start + skip
    words = text.plain[at : line.end]
    stop = re.search(r"[。；]|：(?=.)", words)
    if stop and stop.start() <= _LONGEST_TITLE:
        return at + stop.end(), words[: stop.start()]
    following = part.lines[n + 1] if n + 1 < len(part.lines) else None
    if following is None or following.opens or following.start >= part.end:
        if len(words) <= _LONGEST_TITLE:
            return line.end, words.rstrip("：。")
        return at, _first_words(words)  # an item whose text runs on: no title of its own
    # The heading runs on into the next line: to its full stop, else to the end of the paragraph.
    longer = text.plain[at : following.end]
    stop = re.search(r"[。；]", longer)
    if stop and stop.start() <= _LONGEST_TITLE:
        return at + stop.end(), longer[: stop.start()]
    after = part.lines[n + 2] if n + 2 < len(part.lines) else None
    if len(longer) <= _LONGEST_TITLE and (after is None or after.opens) and "，" not in longer:
        return following.end, longer
    return at, _first_words(longer)


def _first_words(words: str) -> str:
    first = re.search(r"[，。；]", words)
    return words[: min(first.start() if first else _LONGEST_TITLE, _LONGEST_TITLE)]


def _tree(text: Text, found: list[_Found], end: int) -> tuple[Heading, ...]:
    closes = [end] * len(found)
    open_: list[int] = []
    for i, f in enumerate(found):
        while open_ and found[open_[-1]][0] >= f[0]:
            closes[open_.pop()] = f[2]
        open_.append(i)
    out: list[Heading] = []
    path: list[tuple[int, str]] = []
    for (rank, number, start, head, body, title), close in zip(found, closes, strict=True):
        while path and path[-1][0] >= rank:
            path.pop()
        path.append((rank, number))
        where = "/".join(p for _, p in path)
        title = text.stripped[head : head + len(title)]  # as written, full-width signs and all
        out.append(Heading(where, number, len(path), title, start, min(head, close), min(body, close), close))
    return tuple(out)
