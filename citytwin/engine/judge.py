"""When did a rule hold? The spells of its state in what is on record."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from citytwin.engine import load
from citytwin.engine.expect import expected
from citytwin.engine.learn import BACK, Memory, off_usual
from citytwin.engine.measure import SUMS
from citytwin.engine.twin import Twin, rows
from citytwin.kernel.rule import Rule, Season
from citytwin.kernel.stream import stream_parts
from citytwin.science.spell import asof, chains

TIME = pa.timestamp("us", tz="UTC")
SECOND = 1_000_000
FRESH_S = 3600
"""A reading of the stream that another is held against is good for so long."""

Floats = NDArray[np.float64]
Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Spell:
    """A rule's state at an asset, from `since` to `cleared` (None: it is so now), with the value that stands out most and the limit.

    `pending`: it has not yet held for as long as the rule asks.
    """

    asset: str
    since: datetime
    cleared: datetime | None
    value: float | None
    bound: float | None
    pending: bool = False


def back_s(rule: Rule) -> int:
    """How far before a reading those lie that tell whether the rule holds at it."""
    if rule.rising is not None:
        return 2 * rule.over_s
    if rule.learns:
        return 2 * rule.learn_days * 86_400
    return 2 * (rule.stuck_s or 0)


def series(twin: Twin, rule: Rule, since: datetime, early: Mapping[str, datetime]) -> pa.Table:
    """What a rule looks at from `since` on, of some assets from `early`, and before that as much as tells how it stands: asset_id, time, value, begin (judged from there)."""
    low = min([since, *early.values()])
    table = pa.table(
        {"asset_id": pa.array(list(early), pa.string()), "begin": pa.array(list(early.values()), TIME)},
    )
    source = "SELECT asset_id, period AS time, value FROM indicator_value WHERE indicator = $id"
    if rule.stream:
        pack, _, local = rule.stream.partition(".")
        source = f'SELECT asset_id, time, value FROM "{pack}"."{local}" WHERE $id <> \'\' AND value IS NOT NULL'
    sql = f"""
      SELECT s.asset_id, s.time, s.value, coalesce(e.begin, $since) AS begin FROM ({source}) AS s LEFT JOIN early AS e ON e.asset_id = s.asset_id
      WHERE s.time >= $low AND s.time >= coalesce(e.begin, $since) - to_seconds($back) ORDER BY s.asset_id, s.time"""
    back = back_s(rule)
    given = {
        "id": rule.stream or rule.indicator,
        "since": since,
        "back": back,
        "low": low - timedelta(seconds=min(back, (low - datetime.min.replace(tzinfo=UTC)).total_seconds())),
    }
    return twin.store.fetch(sql, given, {"early": table})


def judge(twin: Twin, rule: Rule, since: datetime, early: Mapping[str, datetime] | None = None) -> list[Spell]:
    """The spells of a rule on readings or figures from `since` on, at some assets from `early`."""
    table = series(twin, rule, since, early or {})
    if table.num_rows == 0:
        return []
    asset = table["asset_id"].combine_chunks().dictionary_encode()
    if isinstance(asset, pa.ChunkedArray):
        asset = pa.concat_arrays(asset.chunks)
    names: list[str] = asset.dictionary.to_pylist()
    index = asset.indices.to_numpy().astype(np.int64)
    time = table["time"].cast(TIME).cast(pa.int64()).to_numpy()
    value = table["value"].to_numpy()
    judged = time >= table["begin"].cast(TIME).cast(pa.int64()).to_numpy()
    on, off, excess, bound, start = _state(twin, rule, names, index, time, value)
    index, time, value = index[judged], time[judged], value[judged]
    on, off, excess, bound, start = (x[judged] for x in (on, off, excess, bound, start))
    wait, stay = (np.full(len(index), s * SECOND) for s in (rule.on_delay_s, rule.off_delay_s))
    found = []
    for begin, end, left, over, pending in chains(index, time, on, off, wait, stay, start).tolist():
        worst = begin + int(np.argmax(excess[begin:end]))
        limit = float(bound[worst])
        found.append(
            Spell(
                names[index[begin]],
                moment(start[begin]),
                moment(time[left]) if over else None,
                float(value[worst]),
                limit if np.isfinite(limit) else None,
                bool(pending),
            )
        )
    return found


def _state(
    twin: Twin, rule: Rule, names: list[str], index: Times, time: Times, value: Floats
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], Floats, Floats, Times]:
    """Of every row: on, off, how far out, the limit, and since when."""
    if rule.stuck_s is not None:
        same = unchanged(index, time, value, rule.deadband, rule.stuck_s * SECOND)
        start = time[np.maximum.accumulate(np.where(same, 0, np.arange(len(time))))]
        return (
            same & (time - start >= rule.stuck_s * SECOND),
            ~same,
            np.zeros(len(time)),
            np.full(len(time), np.nan),
            start,
        )
    if rule.learns:
        return (*_learned(twin, rule, Memory(twin, rule, len(names)), names, index, time, value), time)
    if rule.rising is not None:
        was = asof(index, time, index, time - rule.over_s * SECOND, rule.over_s * SECOND)
        value = np.where(was >= 0, value - value[np.maximum(was, 0)], -np.inf)
        high, low = np.full(len(time), rule.rising), np.full(len(time), -np.inf)
    else:
        high, low = limits(twin, rule, names, index, time)
    if rule.against:
        value = value - _other(twin, rule, names, index, time)
    band = back(rule, high, low) if rule.deviation is not None else rule.deadband
    on, off, excess, bound = beyond(value, high, low, band)
    return on, off, excess, bound, time


def beyond(
    value: Floats, high: Floats, low: Floats, deadband: float | Floats
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], Floats, Floats]:
    """Of every value: whether it is beyond its limits, whether it is back by the deadband, how far beyond it is, and the limit that it is nearest to or beyond."""
    with np.errstate(invalid="ignore"):
        on = (value > high) | (value < low)
        off = ~on & ~((value > high - deadband) | (value < low + deadband))
        above, below = value - high, low - value
    excess = np.fmax(above, below)
    return on, off, np.where(np.isnan(excess), -np.inf, excess), np.where(above >= below, high, low)


def unchanged(
    index: Times, time: Times, value: Floats, within: float | Floats, longest: int | Times
) -> NDArray[np.bool_]:
    """Whether a reading is that before it, no longer ago than `longest`: a longer silence is no proof."""
    follows = np.append(False, index[1:] == index[:-1])
    before, then = np.append(np.nan, value[:-1]), np.append(np.int64(0), time[:-1])
    with np.errstate(invalid="ignore"):
        return follows & (np.abs(value - before) <= within) & (time - then <= longest)  # type: ignore[no-any-return]


def limits(twin: Twin, rule: Rule, names: list[str], index: Times, time: Times) -> tuple[Floats, Floats]:
    """Upper and lower limit of each row. An asset whose attribute is not given has none."""
    above = rule.outside[1] if rule.outside else rule.above
    below = rule.outside[0] if rule.outside else rule.below
    held: dict[str, dict[str, float | None]] = {}
    if rule.deviation is not None:
        return around(rule, *expected(twin, rule, names, index, time))
    high, low = (
        _limit(twin, rule, names, above, np.inf, held)[index],
        _limit(twin, rule, names, below, -np.inf, held)[index],
    )
    free = np.ones(len(time), bool)
    for season in rule.seasons:
        fits = free & within(season, time, twin.city.zone)
        free &= ~fits
        if fits.any():
            high[fits] = _limit(twin, rule, names, season.above, np.inf, held)[index[fits]]
            low[fits] = _limit(twin, rule, names, season.below, -np.inf, held)[index[fits]]
    return high, low


def around(rule: Rule, middle: Floats, spread: Floats) -> tuple[Floats, Floats]:
    """Upper and lower limit of a rule on deviations around what is usual. None where that is not known."""
    wide = np.maximum((rule.deviation or 0.0) * spread, rule.deadband)
    unknown = np.isnan(middle)
    return np.where(unknown, np.inf, middle + wide), np.where(unknown, -np.inf, middle - wide)


def back(rule: Rule, high: Floats, low: Floats) -> Floats:
    """How far within limits around what is usual a value has to come back: by the deadband, but no more than a part of their width, or no alarm might ever end."""
    with np.errstate(invalid="ignore"):
        return np.minimum(rule.deadband, (1.0 - BACK) / 2.0 * (high - low))


def _learned(
    twin: Twin, rule: Rule, memory: Memory, names: Sequence[str], index: Times, time: Times, value: Floats
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], Floats, Floats]:
    """Of every row of a rule with a memory: on, off, how far it is, and what is usual (NaN for what is unusual: it knows no single value)."""
    if rule.unusual_days is not None:
        middle = np.full(len(time), np.nan)
        return (*reached(memory.judge(index, time, value)), middle)
    middle, spread = expected(twin, rule, names, index, time)
    return (*reached(memory.judge(index, time, off_usual(rule, value, middle, spread))), middle)


def reached(figure: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_], Floats]:
    """Whether a rule with a memory holds, whether it is over, and how far it is."""
    return figure >= 1.0, figure < BACK, figure


def _limit(
    twin: Twin,
    rule: Rule,
    names: list[str],
    given: float | str | None,
    none: float,
    held: dict[str, dict[str, float | None]],
) -> Floats:
    """A limit at each asset."""
    if given is None:
        return np.full(len(names), none)
    if not isinstance(given, str):
        return np.full(len(names), float(given))
    if given not in held:
        looked = rule.stream or rule.forecast
        kind = twin.streams[looked].asset if looked else twin.indicators[rule.indicator].per
        pack, _, local = kind.partition(".")
        found = twin.store.fetch(f'SELECT asset_id, CAST("{given}" AS DOUBLE) AS bound FROM "{pack}"."{local}"')
        held[given] = dict(zip(found["asset_id"].to_pylist(), found["bound"].to_pylist(), strict=True))
    at = held[given]
    return np.array([none if (v := at.get(a)) is None else v for a in names], float)


def within(season: Season, time: Times, zone: str) -> NDArray[np.bool_]:
    """Which times (microseconds since 1970) lie in a season of the city's calendar and clock."""
    local = pa.array(time).cast(pa.timestamp("us", tz=zone))
    fits = np.ones(len(time), bool)
    if season.months:
        fits &= np.isin(pc.month(local).to_numpy(zero_copy_only=False), season.months)
    if season.weekdays:
        fits &= np.isin(pc.day_of_week(local, count_from_zero=False).to_numpy(zero_copy_only=False), season.weekdays)
    if season.hours:
        hour = pc.hour(local).to_numpy(zero_copy_only=False)
        since, until = season.hours
        fits &= (hour >= since) & (hour < until) if since < until else (hour >= since) | (hour < until)
    return fits


def _other(twin: Twin, rule: Rule, names: list[str], index: Times, time: Times) -> Floats:
    """What the stream type `against` stood at, at the same asset at the same time; NaN where nothing fresh was there."""
    pack, _, local = rule.against.partition(".")
    low = moment(int(time.min()) - FRESH_S * SECOND)
    sql = f'SELECT asset_id, time, value FROM "{pack}"."{local}" WHERE time >= $low AND value IS NOT NULL'
    table = twin.store.fetch(f"{sql} ORDER BY asset_id, time", {"low": low})
    place = {name: n for n, name in enumerate(names)}
    of = np.array([place.get(a, -1) for a in table["asset_id"].to_pylist()], np.int64)
    order = np.argsort(of, kind="stable")
    then, other = table["time"].cast(TIME).cast(pa.int64()).to_numpy()[order], table["value"].to_numpy()[order]
    row = asof(of[order], then, index, time, FRESH_S * SECOND)
    return np.where(row >= 0, other[np.maximum(row, 0)], np.nan) if len(other) else np.full(len(time), np.nan)


def present(twin: Twin, rule: Rule, now: datetime, standing: Collection[str] = ()) -> list[Spell]:
    """The spells that are there now, of rules on silence, on forecasts, and with rows; `standing`: at these assets an alarm is open."""
    if rule.silent_s is not None:
        return _silent(twin, rule, now)
    found = _foreseen(twin, rule, now, standing) if rule.forecast else _rows(twin, rule)
    lasts = now - timedelta(seconds=rule.on_delay_s)
    return [s for s in found if s.since <= lasts or s.asset in standing]


def _silent(twin: Twin, rule: Rule, now: datetime) -> list[Spell]:
    latest = twin.store.latest()
    latest = latest.filter(pc.equal(latest["stream_type"], rule.stream))
    assert rule.silent_s is not None
    found = []
    for asset, time in zip(latest["asset_id"].to_pylist(), latest["time"].to_pylist(), strict=True):
        quiet = (now - time).total_seconds()
        if quiet > rule.silent_s:
            found.append(Spell(asset, time, None, quiet, float(rule.silent_s)))
    return found


def _foreseen(twin: Twin, rule: Rule, now: datetime, standing: Collection[str] = ()) -> list[Spell]:
    """Where the newest run that tells of a stream sees it beyond its limits from now on: since the run, with the value that stands out most.

    Where an alarm is `standing`, it stays until a run sees the value back by the deadband all the time.
    """
    sql = """
      WITH newest AS (SELECT stream, max(until) AS until FROM forecast WHERE until <= $now GROUP BY stream)
      SELECT f.stream, f.time, f.value, f.until FROM forecast AS f JOIN newest AS n ON n.stream = f.stream AND n.until = f.until
      WHERE f.time >= $now AND ends_with(f.stream, $suffix) ORDER BY f.stream, f.time"""
    table = twin.store.fetch(sql, {"now": now, "suffix": f".{rule.forecast}"})
    if not table.num_rows:
        return []
    found: dict[str, tuple[float, Spell]] = {}
    assets = [stream_parts(s)[0] for s in table["stream"].to_pylist()]
    names = sorted(set(assets))
    place = {name: n for n, name in enumerate(names)}
    index = np.array([place[a] for a in assets], np.int64)
    time = table["time"].cast(TIME).cast(pa.int64()).to_numpy()
    value = table["value"].to_numpy()
    on, off, excess, bound = beyond(value, *limits(twin, rule, names, index, time), rule.deadband)
    on |= ~off & np.array([name in standing for name in names], bool)[index]
    runs = table["until"].to_pylist()
    for n in np.flatnonzero(on).tolist():
        held = found.get(assets[n])
        if held is None or excess[n] > held[0]:
            found[assets[n]] = (float(excess[n]), Spell(assets[n], runs[n], None, float(value[n]), float(bound[n])))
    return [spell for _, spell in found.values()]


def _rows(twin: Twin, rule: Rule) -> list[Spell]:
    folder = next(p.folder for p in twin.packs if p.id == rule.id.partition(".")[0])
    sql = (Path(folder) / "rows" / rule.rows).read_text("utf-8")
    if SUMS & set(load.reads(sql)):
        twin.store.roll()
    table = twin.store.fetch(sql)
    return [
        Spell(r["asset_id"], r["since"], None, r["value"], None)
        for r in rows(table.select(["asset_id", "since", "value"]))
    ]


def moment(microseconds: int) -> datetime:
    """The time so long after 1970."""
    return datetime.fromtimestamp(int(microseconds) / 1e6, UTC)
