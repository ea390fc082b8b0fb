"""What does a body of InfluxDB line protocol say? A quick reader for bodies as agents write them, a careful one for everything else; they agree."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from citytwin.kernel.errors import BadBatch, Fault

TIME = pa.timestamp("us", tz="UTC")
PER_US: Mapping[str, tuple[int, int]] = {
    "ns": (1, 1000), "n": (1, 1000), "us": (1, 1), "u": (1, 1), "µ": (1, 1), "ms": (1000, 1), "s": (1_000_000, 1),
    "m": (60_000_000, 1), "h": (3_600_000_000, 1), "": (1, 1000),
}  # fmt: skip
"""Microseconds of a time stamp in each precision: factor and divisor."""
MOST_FAULTS = 10_000
Named = Callable[[str, Mapping[str, str], str], tuple[str, str]]
"""From measurement, tags and field to the stream, or '' and why there is none."""


@dataclass(frozen=True, slots=True)
class Point:
    """One field of one line; `time` is None where the line tells none, `text` where the value is no number."""

    line: int
    measurement: str
    tags: tuple[tuple[str, str], ...]
    field: str
    value: float
    time: int | None
    text: str | None = None


def read(
    body: bytes, precision: str, now: int, named: Named, stated: Callable[[str], bool] = lambda _: False
) -> tuple[pa.Table, list[Fault]]:
    """A table of stream, time, value and row (the number of the line) with the faults of lines left out; `now` is in microseconds since 1970.

    Fields that are texts are words (column `word`) of streams that are `stated`; others are left out without a fault: they are no readings. Raises BadBatch where the body is no text, or the precision none.
    """
    if precision not in PER_US:
        raise BadBatch(
            f"the precision is '{precision[:20]}'", f"one of: {', '.join(p for p in PER_US if p)}", "precision"
        )
    found = _quick(body, precision, named)
    return found if found is not None else _careful(body, precision, now, named, stated)


# -- the quick reader: numbers as columns, where every line has the same plain form


def _quick(body: bytes, precision: str, named: Named) -> tuple[pa.Table, list[Fault]] | None:
    if (
        b"\\" in body
        or b'"' in body
        or b"#" in body
        or b"\r" in body
        or b"\0" in body
        or body[:1] in (b"", b"\n", b" ")
        or b"\n\n" in body
    ):
        return None
    try:
        lines = pacsv.read_csv(
            io.BytesIO(body),
            read_options=pacsv.ReadOptions(
                column_names=["head", "fields", "time"], use_threads=False, block_size=1 << 24
            ),
            parse_options=pacsv.ParseOptions(
                delimiter=" ", quote_char=False, escape_char=False, double_quote=False, ignore_empty_lines=False
            ),
            convert_options=pacsv.ConvertOptions(
                column_types={
                    "head": pa.dictionary(pa.int32(), pa.string()),
                    "fields": pa.string(),
                    "time": pa.int64(),
                },
                null_values=[],
                strings_can_be_null=False,
            ),
        )
    except (pa.ArrowException, UnicodeDecodeError):
        return None
    lines = lines.unify_dictionaries().combine_chunks()
    if lines.num_rows == 0 or lines["time"].null_count:
        return None
    head = lines["head"].chunk(0)
    heads = [_head(h) for h in head.dictionary.to_pylist()]
    if any(h is None for h in heads):
        return None
    pairs = pc.split_pattern(lines["fields"].chunk(0), ",")
    row = pc.list_parent_indices(pairs).to_numpy()
    both = pc.split_pattern(pairs.flatten(), "=")
    if not pc.all(pc.equal(pc.list_value_length(both), 2)).as_py():
        return None
    key = pc.list_element(both, 0).dictionary_encode()
    text = pc.list_element(both, 1)
    whole = pc.match_substring_regex(text, r"^[+-]?[0-9]+[iu]$")
    plain = pc.match_substring_regex(text, r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$")
    if not pc.all(pc.or_(whole, plain)).as_py() or "" in key.dictionary.to_pylist():
        return None
    try:
        value = pc.utf8_rtrim(text, "iu").cast(pa.float64()).to_numpy()
    except pa.ArrowException:
        return None
    factor, divisor = PER_US[precision]
    stamp = lines["time"].chunk(0).to_numpy()
    if factor > 1 and np.abs(stamp).max(initial=0) > (2**62) // factor:
        return None
    time = (stamp * factor) // divisor
    fields: list[str] = key.dictionary.to_pylist()
    code = head.indices.to_numpy()[row].astype(np.int64) * len(fields) + key.indices.to_numpy()
    kinds, index = np.unique(code, return_inverse=True)
    streams, why = [], {}
    for n, kind in enumerate(kinds.tolist()):
        measurement, tags = heads[kind // len(fields)]
        stream, reason = named(measurement, dict(tags), fields[kind % len(fields)])
        streams.append(stream)
        if not stream:
            why[n] = reason
    faults: list[Fault] = []
    keep = np.ones(len(index), bool)
    if why:
        keep = ~np.isin(index, list(why))
        bad = np.flatnonzero(~keep)
        faults = [_fault(int(row[i]) + 1, why[int(index[i])]) for i in bad[:MOST_FAULTS].tolist()]
        if len(bad) > MOST_FAULTS:
            faults.append(Fault("body", "ROW", f"and {len(bad) - MOST_FAULTS} more points at fault"))
    stream = pa.DictionaryArray.from_arrays(pa.array(index[keep].astype(np.int32)), pa.array(streams, pa.string()))
    table = pa.table(
        {"row": row[keep] + 1, "stream": stream, "time": pa.array(time[row][keep]).cast(TIME), "value": value[keep]}
    )
    return table, faults


def _head(text: str) -> tuple[str, tuple[tuple[str, str], ...]] | None:
    """Measurement and tags of a head without escapes; None where it is malformed."""
    measurement, *tags = text.split(",")
    split = [tuple(t.split("=")) for t in tags]
    if not measurement or any(len(t) != 2 or not t[0] or not t[1] for t in split):
        return None
    return measurement, split  # type: ignore[return-value]  # pairs, as was just checked


# -- the careful reader

_NAME = r"(?:\\.|[^\\,= ])+"
_HEAD = re.compile(rf"((?:\\.|[^\\, ])+)((?:,{_NAME}={_NAME})*)")
_TAG = re.compile(rf",({_NAME})=({_NAME})")
_FIELD = re.compile(rf'({_NAME})=(?:"((?:\\.|[^"\\])*)"|([^\s,"]+))')
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_TRUTH = {
    **dict.fromkeys(("t", "T", "true", "True", "TRUE"), 1.0),
    **dict.fromkeys(("f", "F", "false", "False", "FALSE"), 0.0),
}


def _careful(
    body: bytes, precision: str, now: int, named: Named, stated: Callable[[str], bool] = lambda _: False
) -> tuple[pa.Table, list[Fault]]:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as e:
        raise BadBatch(f"the body is not UTF-8: {e}", "line protocol is text", "body") from e
    columns: dict[str, list[object]] = {"row": [], "stream": [], "time": [], "value": [], "word": []}
    faults: list[Fault] = []
    known: dict[tuple[object, ...], tuple[str, str]] = {}
    factor, divisor = PER_US[precision]
    for line, found in points(text):
        if isinstance(found, str):
            faults.append(_fault(line, found))
        else:
            for point in found:
                kind = (point.measurement, point.tags, point.field)
                if kind not in known:
                    known[kind] = named(point.measurement, dict(point.tags), point.field)
                stream, reason = known[kind]
                if point.text is not None and not (stream and stated(stream)):
                    continue
                time = now if point.time is None else point.time * factor // divisor
                if not stream or abs(time) > 2**62:
                    faults.append(_fault(line, reason or "the time is out of all time"))
                    continue
                value = point.value if point.text is None else None
                for name, cell in zip(columns, (line, stream, time, value, point.text), strict=True):
                    columns[name].append(cell)
        if len(faults) > MOST_FAULTS:
            raise BadBatch(
                f"more than {MOST_FAULTS} lines cannot be read",
                "check the form of the body",
                "body",
                tuple(faults[:100]),
            )
    table = pa.table(
        {
            "row": pa.array(columns["row"], pa.int64()),
            "stream": pa.array(columns["stream"], pa.string()),
            "time": pa.array(columns["time"], pa.int64()).cast(TIME),
            "value": pa.array(columns["value"], pa.float64()),
        }
    )
    if any(word is not None for word in columns["word"]):
        table = table.append_column("word", pa.array(columns["word"], pa.string()))
    return table, faults


def points(text: str) -> Iterator[tuple[int, list[Point] | str]]:
    """Of every line its number and its points, or what is wrong with it. A line break within quotation marks belongs to the text."""
    number, at = 0, 0
    while at < len(text):
        end = _end(text, at)
        line = text[at:end].rstrip("\r")
        number += 1
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, _points(line.lstrip(" "), number)
        number += line.count("\n")
        at = end + 1


def _end(text: str, at: int) -> int:
    """Where the line that begins at `at` ends."""
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    if '"' not in text[at:end]:
        return end
    quoted, n = False, at
    while n < len(text):
        c = text[n]
        if c == "\\":
            n += 1
        elif c == '"':
            quoted = not quoted
        elif c == "\n" and not quoted:
            return n
        n += 1
    return end if quoted else len(text)  # an open quotation mark: the fault is of this line alone


def _points(line: str, number: int) -> list[Point] | str:
    head = _HEAD.match(line)
    if not head or line[head.end() : head.end() + 1] != " ":
        return "measurement and tags cannot be read"
    tags = tuple((_bare(k), _bare(v)) for k, v in _TAG.findall(head[2]))
    at = head.end()
    while line[at : at + 1] == " ":
        at += 1
    made: list[tuple[str, float, str | None]] = []
    while True:
        field = _FIELD.match(line, at)
        if not field:
            return "a field cannot be read"
        quoted = field[2] is not None
        value = None if quoted else _value(field[3])
        if not quoted and value is None:
            return f"the value {field[3][:40]!r} of field '{_bare(field[1])[:40]}' is none"
        made.append((_bare(field[1]), value or 0.0, re.sub(r'\\(["\\])', r"\1", field[2]) if quoted else None))
        at = field.end()
        if line[at : at + 1] != ",":
            break
        at += 1
    rest = line[at:].strip()
    if rest and not re.fullmatch(r"-?[0-9]{1,19}", rest):
        return f"the time {rest[:40]!r} is none"
    if rest and line[at] != " ":
        return "a field cannot be read"
    time = int(rest) if rest else None
    return [Point(number, _bare(head[1]), tags, name, value, time, text) for name, value, text in made]


def _value(text: str) -> float | None:
    if text in _TRUTH:
        return _TRUTH[text]
    if re.fullmatch(r"[+-]?[0-9]+[iu]", text):
        return float(int(text[:-1]))
    return float(text) if _NUMBER.fullmatch(text) else None


def _bare(text: str) -> str:
    """A name without its escapes."""
    return re.sub(r"\\([,= \\])", r"\1", text) if "\\" in text else text


def _fault(line: int, message: str) -> Fault:
    return Fault(f"line {line}", "ROW", message, "measurement,tag=value field=1.5 1700000000000000000")
