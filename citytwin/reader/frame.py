"""Which clauses of a sentence commit somebody to something, and to what exactly?"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import islice, pairwise

from . import words as w
from .compare import Comparison, compare
from .finding import Clause, Finding, Sentence
from .force import strength
from .judge import bare_index, judged, measures_nothing
from .subject import listed, noun_after, noun_before
from .tokens import Moment, Quantity, quantities
from .units import is_count
from .worded import worded

_EACH_TIME = re.compile(r"(?:每(人|户|床|生))?每(秒|小时|日|天|月|年)$")
_PER_TIME = {"秒": "s", "小时": "h", "日": "日", "天": "日", "月": "月", "年": "年"}
_CHANGES = ("reduce_by", "increase_by")
_LONGEST_CLAUSE = 240  # beyond any that is written; keeps time linear where no comma comes
_MOST_NUMBERS = 24  # nobody puts more into one clause
_COVERED = re.compile(r"(?<=覆盖)、(?=[^、]{2,}\d)")  # 站点全覆盖、覆盖率达90%: two promises in one clause
_COUNTER = re.compile(r"(?![以左上之])[\u4e00-\u9fff]{1,3}?(?=$|[，、。；]|以上|以内|左右)")
_STATE = re.compile(
    r"(?:全面|全部|稳定)?(?:达标|合格|覆盖|完成|到位|落实|办结|实施|建成|开通|上云|入网|联网)(?:率|[^，]{0,2})"
)
_ALONE = re.compile(r"[，、]?(?:力争|争取|确保|努力|奋斗目标|底线目标)?(?:为|达到?)?")
_DIGITS = re.compile(r"\d|半|翻|百分之|倍")
_CLAUSE = re.compile(r"[，；：。！？]|（(?=其中|包括|包含)")
_DATE_ONLY = re.compile(r"^[“”（）\d年月日底前末□力争到至在截内今其中规划预计]*$")


def findings(s: Sentence) -> list[Finding]:
    """Everything a sentence states, in order of appearance."""
    clauses = _clauses(s.mask, s.start, s.end)
    if len(s.times) > 1 or s.mask.find("覆盖、", s.start, s.end) >= 0:
        clauses = [part for clause in clauses for part in _dated_apart(s, clause)]
    out: list[Finding] = []
    for i, clause in enumerate(clauses):
        found = _numeric(s, clause, out)
        if not any(f.kind in ("numeric", "fact") for f in found):
            sized = any(f.kind == "rule" for f in found)
            found += [f for f in worded(s, clause) if not (sized and f.kind == "ban")]  # 不再新建20蒸吨以下的锅炉
        for f in found:
            named = f if f.subject or not out else replace(f, subject=out[-1].subject, elided=True)
            out.append(_widened(named, s, clauses, i))
    return out


def _clauses(mask: str, start: int, end: int) -> list[Clause]:
    out: list[Clause] = []
    at = start
    for m in _CLAUSE.finditer(mask, start, end):
        out += _cut(mask, at, m.start())
        at = m.end()
    return out + _cut(mask, at, end)


def _dated_apart(s: Sentence, clause: Clause) -> list[Clause]:
    """A clause cut where one promise ends and another with a date or a number of its own begins: 东区7月建成、西区11月建成."""
    dates = [t for t in s.dates if clause.start <= t.start < clause.end]
    out: list[Clause] = []
    at = clause.start
    covered = _COVERED.search(clause.text)
    if covered:
        stop = at + covered.start()
        out.append(Clause(at, stop, s.mask[at:stop]))
        at = stop + 1
    if len(dates) < 2:
        return [*out, Clause(at, clause.end, s.mask[at : clause.end])]
    for before, after in pairwise(dates):
        for m in re.finditer("、", s.mask[before.end : after.start]):
            stop = before.end + m.start()
            made = w.MADE.search(s.mask[before.end : stop])
            if made and made.end() == stop - before.end:
                out.append(Clause(at, stop, s.mask[at:stop]))
                at = stop + 1
                break
    return [*out, Clause(at, clause.end, s.mask[at : clause.end])]


def _cut(mask: str, start: int, end: int) -> list[Clause]:
    if end > start and mask[end - 1] == "）" and mask.find("（", start, end) < 0:
        end -= 1  # of a bracket that breaks a number down
    edges = [*range(start, end, _LONGEST_CLAUSE), end]
    return [Clause(a, b, mask[a:b]) for a, b in pairwise(edges)]


def _widened(f: Finding, s: Sentence, clauses: list[Clause], i: int) -> Finding:
    """Take a deadline that stands alone in front (到2025年，…) into the quote."""
    first = f.start
    for back in range(i - 1, max(i - 4, -1), -1):
        before = clauses[back]
        if f.moment is not None and before.start <= f.moment.start and f.moment.end <= before.end:
            alone = _DATE_ONLY.match(s.without_times(before.start, before.end))
            if alone and (back == i - 1 or f.kind == "milestone"):
                first = before.start
            break
        if re.search(r"\d", before.text) or w.MADE.search(before.text):
            break
    while first < f.end and s.mask[first] in "-—·":
        first += 1
    if f.modality is None and first < f.start:  # 力争到2025年，…
        word, force = strength(s.mask[first : f.start])
        f = replace(f, modality=word, force=force)
    return replace(f, start=first)


def _numeric(s: Sentence, clause: Clause, earlier: list[Finding]) -> list[Finding]:
    if not _DIGITS.search(clause.text):
        return []
    taken = [t for t in s.times if t.start < clause.end and t.end > clause.start]
    told = islice(quantities(s.mask, clause.start, clause.end, taken), _MOST_NUMBERS)
    numbers = sorted(told, key=lambda q: q.start)
    found = [q if q.unit or bare_index(s, clause, q) else _counted(s, clause, q) for q in numbers]
    out: list[Finding] = []
    floor = clause.start
    stood: tuple[str, float] | None = None
    for series in _series(s.mask, clause, [q for q in found if q is not None]):
        left = (stood[0] if stood else "") + s.without_times(floor, series[0].start)
        right = s.mask[series[-1].end : clause.end]
        rise = _rising(left, right) if len(series) == 1 else None
        if rise is not None:
            stood, floor = (rise, series[0].value), series[0].end
            continue
        whole = any(f.kind == "numeric" for f in earlier + out) and re.search(r"^[，、]?涉及", left)
        if not whole and measures_nothing(s, left, clause, series[0]):
            continue
        each = _EACH_TIME.search(left)
        if each and (each.group(1) or each.group(2) not in "月年"):  # 每秒260立方米, 每人每月1300元
            left = left[: each.start()]
            per = (f"{each.group(1)}·" if each.group(1) else "") + _PER_TIME[each.group(2)]
            series = [replace(q, unit=f"{q.unit}/{per}") for q in series]
        made = _statements(s, clause, series, left, right, earlier + out)
        out += [replace(f, baseline_value=stood[1]) for f in made] if stood else made
        floor, stood = series[-1].end, None
    return out


def _counted(s: Sentence, clause: Clause, q: Quantity) -> Quantity | None:
    """A number whose counter is no known one: 不少于900课次. It counts behind a comparator, where only the counter follows."""
    m = _COUNTER.match(s.mask, q.end, clause.end)
    left = s.without_times(clause.start, q.start)
    if m is None or not any(p.search(left) for p in (w.AT_LEAST, w.AT_MOST, w.UP_TO, w.HELD)):
        return None
    return replace(q, end=m.end(), unit=m.group(), word=m.group())


def _series(mask: str, clause: Clause, found: list[Quantity]) -> list[list[Quantity]]:
    """Quantities that share one verb: 2%、3%和5%."""
    out: list[list[Quantity]] = []
    for q in found:
        if out:
            between = mask[out[-1][-1].end : q.start]
            suffix = w.SUFFIX.match(between)
            rest = between[suffix.end() :] if suffix else between
            if w.LINK.fullmatch(rest) and q.unit == "pp" and out[-1][-1].word == "个":
                out[-1] = [replace(before, unit="pp", word=q.word) for before in out[-1]]  # 8个和5个百分点
            if w.LINK.fullmatch(rest) and (_kin(out[-1][-1], q) or w.APART.search(mask[clause.start : q.start])):
                out[-1].append(q)
                continue
        out.append([q])
    return out


def _kin(a: Quantity, b: Quantity) -> bool:
    return a.unit == b.unit and not is_count(a.word)


def _statements(
    s: Sentence, clause: Clause, series: list[Quantity], left: str, right: str, earlier: list[Finding]
) -> list[Finding]:
    moment = s.governing(series[0].start, clause)
    promised = any(f.kind == "numeric" for f in earlier)
    kind, sure = judged(s, clause, series, right, moment, promised)
    if kind == "numeric" and earlier and earlier[-1].kind == "rule" and clause.text.startswith("其中"):
        kind, sure = "rule", 0.7  # a part of what the rule before it prescribes
    elif kind == "numeric" and earlier and earlier[-1].kind == "fact" and _parts(s, clause, series[0], earlier[-1]):
        kind, sure = "fact", 0.7
    comparisons = _compared(s.mask, clause, series, left)
    names, elided, mismatch = _subjects(series, left, right, comparisons[0], earlier)
    sure *= (0.7 if mismatch else 1.0) * (0.8 if elided or not names[0] else 1.0)
    if (
        elided
        and earlier
        and earlier[-1].comparator in _CHANGES
        and earlier[-1].unit == series[0].unit
        and _ALONE.fullmatch(left)
    ):
        comparisons = [replace(c, comparator=earlier[-1].comparator or "") for c in comparisons]  # 增长6%以上，力争7%
    years = _zipped_dates(s.dates, series)
    word, force = strength(s.mask[clause.start : series[0].start])
    out: list[Finding] = []
    for n, (name, q, c) in enumerate(_pairs(names, series, comparisons)):
        out.append(
            Finding(
                kind,
                clause.start,
                clause.end,
                name,
                c.comparator,
                q.value,
                q.value_max,
                q.unit or ("PUE" if "PUE" in left.upper() else "1"),
                baseline=_baseline(s, clause, series, c),
                moment=years[n] if years else moment,
                modality=word,
                force=force,
                qualifier=c.qualifier or ("annual" if w.YEARLY.search(left) else None),
                elided=elided,
                doubtful=mismatch,
                sure=sure,
            )
        )
    return out


def _parts(s: Sentence, clause: Clause, q: Quantity, whole: Finding) -> bool:
    """Whether a number is a part or a share of one just reported: 估算投资58亿元，其中：堤防22亿元，占38%."""
    left = s.without_times(clause.start, q.start).lstrip("，、")
    among = left.startswith("其中") or s.mask.find("其中：", max(s.start, whole.end), clause.start) >= 0
    return left == "占" or (among and q.unit == whole.unit)


def _baseline(s: Sentence, clause: Clause, series: list[Quantity], c: Comparison) -> int | None:
    """The year a change is measured from; one named in an earlier clause holds for changes only."""
    base = [t for t in s.times if t.role == "base" and t.start < series[-1].end]
    before = bool(base) and base[-1].start < clause.start
    if not base or (before and (c.comparator not in _CHANGES or w.YEARLY.search(clause.text))):
        return None
    return base[-1].year


def _pairs(
    names: list[str], series: list[Quantity], comparisons: list[Comparison]
) -> list[tuple[str, Quantity, Comparison]]:
    if len(series) == 1:
        return [(name, series[0], comparisons[0]) for name in names]
    if len(names) == 1:
        names = names * len(series)
    return [(names[min(i, len(names) - 1)], q, comparisons[i]) for i, q in enumerate(series)]


def _compared(mask: str, clause: Clause, series: list[Quantity], left: str) -> list[Comparison]:
    suffixes = []
    for i, q in enumerate(series):
        stop = series[i + 1].start if i + 1 < len(series) else clause.end
        m = w.SUFFIX.match(mask[q.end : stop])
        suffixes.append(m)
    # 分别控制在a、b、c以内: the last suffix speaks for all, unless one before it speaks for itself.
    if suffixes[-1] and not any(suffixes[:-1]):
        suffixes = [suffixes[-1]] * len(suffixes)
    return [compare(left, m, q) for q, m in zip(series, suffixes, strict=True)]


def _rising(left: str, right: str) -> str | None:
    """In 利用率从2020年的7.8%提高到10% the first number is where things stood: the words before 从, or None."""
    m = re.search(r"(?:由|从)(?:目前|现在|现状|上年|原来)?的?(?:约|近)?$", left)
    if m and re.match(r"(?:左右)?[^，\d]{0,8}?(?:提|增|升|降|减|扩|缩|下|上|达|压)[^，\d]{0,5}(?:至|到|为)", right):
        return left[: m.start()]
    return None


def _zipped_dates(dates: list[Moment], series: list[Quantity]) -> list[Moment] | None:
    """到2025年和2030年分别达到60%和80%: one year for each value."""
    ahead = [t for t in dates if t.start <= series[0].start and t.role == "by"]
    if len(series) < 2 or len(ahead) < len(series):
        return None
    ahead = ahead[-len(series) :]
    near = all(b.start - a.end <= 2 for a, b in pairwise(ahead))
    return ahead if near else None


def _subjects(
    series: list[Quantity], left: str, right: str, c: Comparison, earlier: list[Finding]
) -> tuple[list[str], bool, bool]:
    """Names for the values: (names, taken from an earlier clause, lengths disagree)."""
    before = noun_before(c.head)
    after = noun_after(right)
    word = series[-1].word
    counted = is_count(word) or word == "%" or bool(w.ACHIEVE.search(left))
    if _STATE.fullmatch(after) and before:
        after = ""  # 水质100%达标: what is measured stands before
    name = after if not before or (len(after) >= 2 and not c.level and counted) else before
    if len(series) > 1 or w.EACH.search(left[-14:]):
        names = listed(before or after)
        if len(series) == 1:
            return (names if w.EACH.search(left) and len(names) > 1 else [name]), not name, False
        if len(names) == len(series):
            return names, False, False
        return [name], False, len(names) > 1
    if not name:
        last = next((f for f in reversed(earlier) if f.subject), None)
        return [last.subject if last else ""], True, False
    return [name], False, False
