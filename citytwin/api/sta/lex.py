"""Which words does a text consist of? Percent-encoding is undone and the text cut into tokens, in one pass each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone

from citytwin.api.sta import wkt
from citytwin.api.sta.error import Malformed
from citytwin.api.sta.tree import Interval, Limits, Plain

Places = Callable[[int], int]
"""Leads from a place in a decoded text to the place in the text as it was sent."""

_ESCAPES = re.compile("(?:%[0-9A-Fa-f]{2})++")
_STRAY = re.compile("%(?![0-9A-Fa-f]{2})")


def decoded(raw: str, start: int = 0, plus: bool = True) -> tuple[str, Places]:
    """`raw`, which begins at `start` of the URL, without percent-encoding. `plus`: a plus sign stands for a blank, as forms send it."""
    if stray := _STRAY.search(raw):
        raise Malformed(
            "", start + stray.start(), raw[stray.start() : stray.start() + 3], "two hexadecimal digits after %"
        )
    pieces: list[str] = []
    offsets: list[int] = []
    for piece, at, width in _pieces(raw, start):
        pieces.append(piece.replace("+", " ") if plus and width == 0 else piece)
        offsets.extend(range(at, at + len(piece)) if width == 0 else (at + n for n in _widths(piece)))
    text = "".join(pieces)
    for n, letter in enumerate(text):
        if (letter < " " and letter not in "\t\n\r") or "\ud800" <= letter <= "\udfff":
            raise Malformed("", offsets[n], f"U+{ord(letter):04X}", "text")
    end = start + len(raw)
    return text, lambda n: offsets[n] if n < len(offsets) else end


def _pieces(raw: str, start: int) -> Iterator[tuple[str, int, int]]:
    done = 0
    for run in _ESCAPES.finditer(raw):
        if done < run.start():
            yield raw[done : run.start()], start + done, 0
        try:
            yield bytes.fromhex(run[0].replace("%", "")).decode(), start + run.start(), 3
        except UnicodeDecodeError as e:
            raise Malformed("", start + run.start() + 3 * e.start, run[0][3 * e.start :], "UTF-8") from None
        done = run.end()
    if done < len(raw):
        yield raw[done:], start + done, 0


def _widths(piece: str) -> Iterator[int]:
    place = 0
    for letter in piece:
        yield place
        place += 3 * len(letter.encode())


@dataclass(frozen=True, slots=True)
class Token:
    """A word: its `kind` (a sign is its own kind), what it says, and where it stands in the URL."""

    kind: str
    text: str
    value: Plain
    at: int


_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,12})?)?"
# an offset's plus sign that was sent as it is arrives as a blank, after which no number may stand here
_STAMP = rf"{_DATE}[Tt]{_CLOCK}(?:[Zz]|[+\-\x20][0-9]{{2}}:?[0-9]{{2}})?"
_SPAN = r"[+\-]?P[0-9A-Za-z.]++"
_WORDS = re.compile(
    rf"""(?P<blank>[ \t\r\n]++)
    |(?P<interval>(?:{_STAMP}|{_SPAN})/(?:{_STAMP}|{_SPAN}))
    |(?P<datetime>{_STAMP})(?![\w:])
    |(?P<date>{_DATE})(?![\w:\-])
    |(?P<time>{_CLOCK})(?![\w:])
    |(?P<number>[0-9]++(?:\.[0-9]++)?+(?:[eE][+\-]?[0-9]++)?+)(?![\w.])
    |(?P<string>'(?:[^']|'')*+')
    |(?P<typed>(?i:duration|geography|geometry)'[^']*+')
    |(?P<option>\$[A-Za-z]++)
    |(?P<name>@?[^\W\d][\w.]*+)
    |(?P<sign>[(),/;=:\-])""",
    re.VERBOSE,
)
_KEY = re.compile(r"[\w@](?:[\w.@:\-]*[\w@])?")
"""What may follow a slash: also the keys of objects, which are freer than names."""


def tokens(raw: str, start: int, limits: Limits) -> list[Token]:
    """The words of `raw`, which begins at `start` of the URL, and one of kind `end`. Raises Malformed."""
    text, place = decoded(raw, start)
    found: list[Token] = []
    pos = 0
    while pos < len(text):
        after_slash = bool(found) and found[-1].kind == "/"
        word = (_KEY.match(text, pos) if after_slash else None) or _WORDS.match(text, pos)
        if word is None:
            raise _unread(text, pos, place)
        kind = word.lastgroup or "name"
        if kind != "blank":
            at = place(pos)
            kind, value = _value(kind, word[0], at, limits)
            found.append(Token(kind, word[0], value, at))
        pos = word.end()
    return [*found, Token("end", "", None, place(len(text)))]


def _unread(text: str, pos: int, place: Places) -> Malformed:
    rest = text[pos : pos + 50]
    if rest[0] == "'":
        return Malformed("", place(pos), rest, "a closing quotation mark", "a quotation mark in a text is doubled: ''")
    if rest[0] in '‘’“”"':
        return Malformed("", place(pos), rest[0], "a straight single quotation mark '")
    return Malformed("", place(pos), rest.split(" ")[0], "a name, a value or an operator")


def _value(kind: str, text: str, at: int, limits: Limits) -> tuple[str, Plain]:
    """The kind of a token and what it stands for."""
    if kind == "sign":
        return text, None
    try:
        if kind == "number":
            return kind, _number(text)
        if kind == "string":
            return kind, text[1:-1].replace("''", "'")
        if kind == "date":
            return kind, date.fromisoformat(text)
        if kind == "time":
            return kind, time.fromisoformat(_microseconds(text))
        if kind == "datetime":
            return kind, instant(text)
        if kind == "interval":
            return kind, _interval(text)
        if kind == "typed":
            return _typed(text, at, limits)
    except (ValueError, OverflowError) as e:
        raise Malformed(f"'{text[:60]}' cannot be: {e}", at, text, f"a {kind} that exists") from None
    return kind, None


def _number(text: str) -> int | float:
    if text.isdigit():
        if len(text) > 19 or int(text) >= 2**63:
            raise ValueError("it has more than 63 bits")
        return int(text)
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError("it is larger than any number here")
    return value


def _typed(text: str, at: int, limits: Limits) -> tuple[str, Plain]:
    kind, _, inner = text[:-1].partition("'")
    return (
        ("duration", duration(inner)) if kind.lower() == "duration" else ("geometry", wkt.geometry(inner, at, limits))
    )


def _microseconds(text: str) -> str:
    """The text with no more than six decimals, which is as fine as times are stored."""
    return re.sub(r"(\.[0-9]{6})[0-9]+", r"\1", text)


def instant(text: str) -> datetime:
    """A point in time. Raises ValueError."""
    if not re.search(r"(?:[Zz]|[+\-\x20][0-9]{2}:?[0-9]{2})$", text.partition("T")[2] or text.partition("t")[2]):
        raise ValueError("its zone is missing; put Z or an offset such as +08:00 behind it")
    found = re.match(rf"({_DATE})[Tt]({_CLOCK})(?:[Zz]|([+\-\x20])([0-9]{{2}}):?([0-9]{{2}}))", text)
    if found is None:
        raise ValueError("it is no point in time; write 2026-01-31T08:00:00Z")
    day, clock, sign, hours, minutes = found.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    zone = timezone(-offset if sign == "-" else offset)
    return datetime.combine(date.fromisoformat(day), time.fromisoformat(_microseconds(clock)), zone).astimezone(UTC)


_DURATION = re.compile(
    r"([+\-])?P(?=.)(?:([0-9]{1,6})W)?(?:([0-9]{1,6})D)?(?:T(?=.)(?:([0-9]{1,7})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})(?:\.([0-9]{1,12}))?S)?)?"
)


def duration(text: str) -> timedelta:
    """A span of time of fixed length, within a thousand years. Raises ValueError."""
    found = _DURATION.fullmatch(text.upper())
    if not found:
        raise ValueError("write P1DT2H3M4.5S; years and months have no fixed length")
    sign, weeks, days, hours, minutes, seconds, part = found.groups()
    span = timedelta(
        weeks=int(weeks or 0),
        days=int(days or 0),
        hours=int(hours or 0),
        minutes=int(minutes or 0),
        seconds=int(seconds or 0),
        microseconds=int((part or "0")[:6].ljust(6, "0")),
    )
    if span > timedelta(days=366_000):
        raise ValueError("it is longer than a thousand years")
    return -span if sign == "-" else span


def _interval(text: str) -> Interval:
    first, _, second = text.partition("/")
    if first.lstrip("+-").startswith("P"):
        end = instant(second)
        start = end - duration(first)
    else:
        start = instant(first)
        end = start + duration(second) if second.lstrip("+-").startswith("P") else instant(second)
    if start > end:
        raise ValueError("it ends before it begins")
    return Interval(start, end)
