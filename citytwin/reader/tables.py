"""Which paragraphs are rows of a table, or the cells of one that lost its lines?"""

from __future__ import annotations

import re

_CELLS = re.compile(r"[。；，]")
# A line of its own that says what will be done is an entry of a list, not a cell that lost its table.
_SAID = re.compile(
    r"(?:[\d（）一二三四五六七八九十]{1,4}[.、．）])?(?:[^|\d]{0,12}?(?:新增|新建|改建|扩建|完成|建成|建设|改造|开展|推出|开办|交付|新开|打造|创建|培育|实施|推进|安装|"
    r"整治|修缮|提供|举办|培训|组织|实现|启动|优化|更新|设置|增设|种植|修复|引进|发放|达到|不低于|不少于|控制在|增长|下降|降低|提高)[^|]{2,})"
)
_HEADER = re.compile(r"约束性|预期性|指标名称|指标属性|计量单位|序号")


def tables(plain: str, paragraphs: list[tuple[int, int]], boxed: bool) -> dict[int, tuple[int, int] | None]:
    """Paragraph number → span of its table at the table's first paragraph, None at the others."""
    loose = [_loose(plain[a:b]) for a, b in paragraphs]
    out: dict[int, tuple[int, int] | None] = {}
    at = 0
    while at < len(paragraphs):
        stop = at
        while stop < len(paragraphs) and loose[stop]:
            stop += 1
        run = [plain[a:b] for a, b in paragraphs[at:stop]]
        digits = sum(any(c.isdigit() for c in row) for row in run)
        header = any(_HEADER.search(row) for row in run)
        ruled = sum("|" in row for row in run)
        if (ruled >= 2 and digits and ruled > 0.6 * len(run)) or (
            len(run) >= 3
            and (
                (header and digits >= 2)
                or (len(run) >= 6 and digits >= 0.6 * len(run))
                or (boxed and digits >= 3 and header)
            )
        ):
            for n in range(at, stop):
                out[n] = None
            out[at] = (paragraphs[at][0], paragraphs[stop - 1][1])
        at = max(stop, at + 1)
    return out


def ruled(plain: str, paragraphs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The runs of two paragraphs and more whose cells are apart: first and one past the last."""
    out: list[tuple[int, int]] = []
    at = 0
    while at < len(paragraphs):
        stop = at
        while stop < len(paragraphs) and plain.find("|", *paragraphs[stop]) >= 0:
            stop += 1
        if stop - at > 1:
            out.append((at, stop))
        at = max(stop, at + 1)
    return out


def _loose(row: str) -> bool:
    return (
        (len(row) <= 60 or row.count("|") > 1)
        and not _CELLS.search(row)
        and not row.startswith(("-", "—", "●", "来源"))
        and not _SAID.match(row)
    )
