"""What does a table with cells promise? Its header says which column holds what; each row is a commitment, or a task."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from .tokens import Moment, moments, titles_masked
from .units import canonical, measure, number

Span = tuple[int, int]
DITTO = "〃"  # stands for a cell that goes on from the row above

# What a column holds, by the words of its header; the first that fits counts.
_ROLES = (
    ("participants", re.compile(r"(?:配合|参与|协办|协同|协作|参加)(?:单位|部门|处室|科室)")),
    ("lead", re.compile(r"(?:责任|牵头|负责|主管|实施|主办|承办|落实|责任牵头|主责)(?:单位|部门|主体|处室|科室|领导|人)|(?:牵头|责任)方")),
    ("due", re.compile(r"(?:完成|办结|推进|实施)?(?:时限|期限|时间节点|时间安排|时间要求|完成时间|计划完成时间)|(?:完成|起止)时间|进度安排")),
    ("unit", re.compile(r"^(?:计量)?单位$")),
    ("index", re.compile(r"^(?:序号|编号|号|NO\.?|No\.?)$")),
    ("attribute", re.compile(r"属性|性质|指标类型$")),
    ("note", re.compile(r"备注|说明|数据来源|来源|计算方法|指标解释|依据")),
    ("change", re.compile(r"年均|累计|增速|增幅|变化")),
    ("group", re.compile(r"^(?:类别|类型|分类|领域|方面|维度|一级指标|指标类别|指标分类|工程类别|项目类别|任务类别|板块)$")),
    ("subject", re.compile(r"指标|名称|项目|内容|任务|事项|措施|工作|工程|举措|要求$")),
)  # fmt: skip
_TARGET = re.compile(r"目标|规划|计划|预期|力争|任务(?:值|量|数)")
_BASE = re.compile(r"现状|基期|基准|基数|实际|完成(?:值|情况|数)|现值|已有|起始|预计完成")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_VALUES = re.compile(rf"{_YEAR.pattern}|现状|基期|(?:目标|规划|实际|计划|完成)值|^目标$|十[一二三四五六七八九]五")
_PERIOD_END = re.compile(r"十[一二三四五六七八九]五")
_BLANK = re.compile(r"[-—–/\\〃.]*")
_SIGNS = (
    (">=", r"≥|>=|>|不低于|不少于|不小于|至少|超过|突破|高于|达到?|大于"),
    ("<=", r"≤|<=|<|不高于|不超过|不大于|低于|小于|少于|控制在|降至|降到"),
    ("reduce_by", r"累计?(?:下降|降低|减少|削减)|下降|降低|减少|削减|压减|↓"),
    ("increase_by", r"累计?(?:增长|提高|提升|增加|上升)|增长|提高|提升|增加|上升|↑"),
    ("approx", r"约|近"),
)
_BEFORE = re.compile("|".join(f"(?P<s{n}>{words})" for n, (_, words) in enumerate(_SIGNS)))
_NUMBER = re.compile(r"\d{1,15}(?:,\d{3}){0,4}(?:\.\d{1,8})?")
_AFTER = re.compile(r"(?P<up>(?:及|或)?以上|\+)|(?P<down>(?:及|或)?(?:以内|以下)|内)|(?P<about>左右|上下)")
_CUMULATIVE = re.compile(r"[〔（](.*)[〕）]")
_DOWN_NAME = re.compile(r"(?:下降|降低|减少|削减|压减|降幅|减排)(?:率|比例|幅度|量)?(?:（[^（）]*）)?$")
_UP_NAME = re.compile(r"(?:增长|增速|增幅|提高|提升)(?:率|比例|幅度)?(?:（[^（）]*）)?$")
# What a city wants less of: without a sign or a baseline the number is a ceiling.
_LESS = re.compile(
    r"漏损|失业|死亡|浓度|能耗|水耗|电耗|能源消[费耗]|排放|事故|投诉|超标|劣[VⅤ五]|用水量|用水总量|消费总量|流失率|发病率|负债|债务|辍学|通勤时间|"
    r"响应时间|办理时限|填埋|PUE|差错|违法|贫困|黑臭"
)
_IN_NAME = re.compile(r"（([^（）]{1,16})）$")


@dataclass(frozen=True, slots=True)
class Amount:
    """What a cell of values says."""

    value: float
    value_max: float | None
    unit: str
    factor: float
    sign: str  # the comparator its own marks give, else ''
    cumulative: bool


@dataclass(frozen=True, slots=True)
class Column:
    """What a column holds, and the time its header names."""

    role: str  # one of the roles above, or target, base, ''
    year: int | None = None
    moment: Moment | None = None


@dataclass(slots=True)
class Line:
    """One row of a table below its header: where it stands and where its cells do."""

    span: Span
    cells: list[Span]
    subject: Span | None = None
    unit: str = ""
    attribute: str = ""
    lead: str = ""
    participants: str = ""
    due: str = ""
    base: tuple[int | None, str] | None = None
    targets: list[tuple[Column, Span]] = field(default_factory=list)
    change: Span | None = None
    words: list[Span] = field(default_factory=list)  # cells to be read as running text


def names_columns(cells: Sequence[str]) -> bool:
    """Whether the cells of a row are the names of columns, two of them at least known."""
    short = ["".join(c.split()) for c in cells]
    if any(len(c) > 24 or "。" in c for c in short):
        return False
    known = sum(bool(c) and (_role(c) != "" or (len(c) <= 12 and bool(_VALUES.search(c)))) for c in short)
    return known >= 2


def split_cells(plain: str, span: Span, framed: bool) -> list[Span]:
    """The cells of a row: the stretches between bars; `framed` rows have a bar at either end as well."""
    a, b = span[0] + framed, span[1] - framed
    out: list[Span] = []
    at = a
    for m in re.finditer(r"\|", plain[a:b]):
        out.append((at, a + m.start()))
        at = a + m.end()
    return [*out, (at, b)]


def lines(plain: str, rows: Sequence[Span], year: int | None) -> list[Line] | None:
    """The rows of a table with what each column says of them; None where no header tells the columns apart."""
    framed = all(b - a > 1 and plain[a] == plain[b - 1] == "|" for a, b in rows)
    table = [(row, split_cells(plain, row, framed)) for row in rows]
    table = [(row, cells) for row, cells in table if not re.fullmatch(r"[|\-:·—]+", plain[row[0] : row[1]])]
    top = next((i for i, (_, cells) in enumerate(table[:3]) if names_columns([plain[a:b] for a, b in cells])), None)
    if top is None:
        return None
    depth = _depth(plain, table, top)
    columns = _columns(plain, [cells for _, cells in table[top : top + depth]], year)
    roles = [c.role for c in columns]
    if "subject" not in roles or not {"target", "lead", "due", "change"} & set(roles):
        return None
    out: list[Line] = []
    above: Line | None = None
    names = plain[slice(*table[top][0])]
    for row, cells in table[top + depth :]:
        if plain[slice(*row)] == names:
            continue  # the header again, on the next page
        made = _line(plain, row, cells, columns, above)
        if made is not None:
            out.append(made)
            above = made
    return out


def _depth(plain: str, table: list[tuple[Span, list[Span]]], top: int) -> int:
    """How many rows the header has: a second one fills in what the first, spread over several columns, leaves open."""
    if top + 1 >= len(table):
        return 1
    head, below = table[top][1], table[top + 1][1]
    if len(head) != len(below):
        return 1
    free = [i for i, (a, b) in enumerate(head) if a == b]
    words = [plain[a:b] for a, b in below]
    if not free and not all(
        not w or _YEAR.search(w) or _role(w) or w == plain[a:b] for w, (a, b) in zip(words, head, strict=True)
    ):
        return 1
    named = sum(bool(w) and bool(_YEAR.search(w) or _TARGET.search(w) or _BASE.search(w)) for w in words)
    numbers = sum(bool(re.fullmatch(r"[\d.,%≥≤<>]+", w)) and not _YEAR.fullmatch(w) for w in words)
    return 2 if named >= 1 and numbers == 0 and any(words[i] for i in free or range(len(words))) else 1


def _role(words: str) -> str:
    if len(words) > 16:
        return ""
    return next((role for role, pattern in _ROLES if pattern.search(words)), "")


def _columns(plain: str, head: list[list[Span]], year: int | None) -> list[Column]:
    out: list[Column] = []
    width = max(len(cells) for cells in head)
    over = ""
    for n in range(width):
        own = [plain[slice(*cells[n])] for cells in head if n < len(cells)]
        if own[0]:
            over = own[0]
        # The words of a header over several columns belong to each of them.
        words = "".join(dict.fromkeys(w for w in [over if len(own) > 1 else own[0], *own[1:]] if w))
        start = next((cells[n][0] for cells in head if n < len(cells) and cells[n][0] < cells[n][1]), head[0][0][0])
        out.append(_column(words, start))
    years = sorted({c.year for c in out if c.year and c.role in ("target", "base", "year")})
    for n, c in enumerate(out):
        if c.role == "year" and c.year is not None:
            past = c.year < year if year is not None else (len(years) > 1 and c.year == years[0])
            out[n] = Column("base", c.year) if past else Column("target", c.year, c.moment)
        elif c.role == "target" and c.year is not None and year is not None and c.year < year:
            out[n] = Column("base", c.year)  # below one header 规划指标 the year that is past is where things stood
    return _one_subject(out)


def _column(words: str, start: int) -> Column:
    named = _YEAR.findall(words)
    when = int(named[-1]) if named else None
    moment: Moment | None = None
    if named or _PERIOD_END.search(words):
        text = words if "年" in words or not named else words.replace(named[-1], named[-1] + "年", 1)
        found = [t for t in moments(titles_masked(text), None, False) if t.when]
        if found:
            moment = Moment(start, start + 1, "by", found[-1].when, found[-1].year)
            when = when or found[-1].year
    if _BASE.search(words) and not re.search(r"目标|规划值", words):
        return Column("base", when)
    role = _role(words)
    if role in ("lead", "participants", "due", "unit", "index", "attribute", "note", "change", "group"):
        return Column(role, when, moment)
    if when is not None:
        return Column("target" if _TARGET.search(words) else "year", when, moment)
    if _TARGET.search(words) and re.search(r"目标|[值量数]$", words):
        return Column("target", None, None)
    return Column(role)


def _one_subject(columns: list[Column]) -> list[Column]:
    """Where several columns may name the row, the last one before the values does; those before it group."""
    named = [n for n, c in enumerate(columns) if c.role == "subject"]
    stop = next((n for n, c in enumerate(columns) if c.role in ("target", "base", "unit")), len(columns))
    if len(named) > 1:
        keep = max((n for n in named if n < stop), default=named[0])
        values = any(c.role == "target" for c in columns)
        for n in named:
            if n != keep:
                columns[n] = Column("group" if n < keep else "note" if values else "words")
    if not named and any(c.role == "group" for c in columns):
        last = max(n for n, c in enumerate(columns) if c.role == "group")
        columns[last] = Column("subject")
    return columns


def _line(plain: str, row: Span, cells: list[Span], columns: list[Column], above: Line | None) -> Line | None:
    filled = [(a, b) for a, b in cells if a < b]
    if len(filled) < 2:
        return None  # a row of one cell groups those below it
    out = Line(row, cells)
    for column, (a, b) in zip(columns, cells, strict=False):
        words = plain[a:b]
        match column.role:
            case "subject":
                out.subject = above.subject if words == DITTO and above else (a, b) if words else None
            case "unit":
                out.unit = words
            case "attribute":
                out.attribute = words
            case "lead":
                out.lead = above.lead if words == DITTO and above else words
            case "participants":
                out.participants = above.participants if words == DITTO and above else words
            case "due":
                out.due = above.due if words == DITTO and above else words
            case "base":
                if words and out.base is None:
                    out.base = (column.year, words)
            case "target":
                if not _BLANK.fullmatch(words):
                    out.targets.append((column, (a, b)))
            case "change":
                if not _BLANK.fullmatch(words):
                    out.change = (a, b)
            case "words":
                if words:
                    out.words.append((a, b))
            case _:
                pass
    return out if out.subject is not None else None


def amount(words: str) -> Amount | None:
    """A cell that holds a number and nothing else but its marks and unit, else None."""
    cumulative = _CUMULATIVE.fullmatch(words)
    if cumulative:
        words = cumulative.group(1)
    sign, at = "", 0
    for _ in range(2):
        m = _BEFORE.match(words, at)
        if m is None:
            break
        said = _SIGNS[int((m.lastgroup or "s0")[1:])][0]
        sign, at = (said if not sign or sign in ("approx",) else sign), m.end()
    m = _NUMBER.match(words, at)
    if m is None:
        return None
    low, high = number(m.group()), None
    tail = measure(words, m.end())
    span = re.match(r"[-~至到]{1,2}", words[tail.end : tail.end + 2])
    if span and (second := _NUMBER.match(words, tail.end + span.end())):
        high, upper = number(second.group()), measure(words, second.end())
        tail = upper if upper.unit or upper.magnitude else tail if tail.end > second.end() else upper
    after = _AFTER.match(words, tail.end)
    end = after.end() if after else tail.end
    if after:
        if after.group("about"):
            sign = "approx"
        elif sign not in ("reduce_by", "increase_by"):
            sign = ">=" if after.group("up") else "<="
    if end != len(words):
        return None
    unit, factor = canonical(tail.magnitude, tail.unit, tail.per) if tail.unit or tail.magnitude else ("", 1.0)
    return Amount(low, high, unit, factor, sign, bool(cumulative))


def unit_of(words: str) -> tuple[str, float]:
    """The canonical unit of a unit cell (万千瓦) and the factor that leads to it; as written where it is not known."""
    words = re.sub(r"^（(.*)）$", r"\1", words)
    if not words or _BLANK.fullmatch(words):
        return "", 1.0
    found = measure(words, 0)
    if found.unit and found.end == len(words):
        return canonical(found.magnitude, found.unit, found.per)
    return words, 1.0


def named_unit(subject: str) -> tuple[str, str]:
    """A name without the unit in brackets behind it, and that unit: 绿化覆盖率（%）."""
    m = _IN_NAME.search(subject)
    if m and (measure(m.group(1), 0).unit or measure(m.group(1), 0).magnitude):
        return subject[: m.start()], m.group(1)
    return subject, ""


def direction(subject: str, value: float, before: float | None) -> str:
    """The comparator of a bare number in a table: what the row's name says, else where it moves from its baseline,
    else a floor unless it counts what is unwelcome."""
    if _DOWN_NAME.search(subject):
        return "reduce_by"
    if _UP_NAME.search(subject):
        return "increase_by"
    if before is not None and before != value:
        return "<=" if value < before else ">="
    return "<=" if _LESS.search(subject) else ">="
