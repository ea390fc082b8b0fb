"""Which paragraphs are rows of a table, or the cells of one that lost its lines?"""

from __future__ import annotations

import re

_CELLS = re.compile(r"[。；，]")
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


def _loose(row: str) -> bool:
    return (
        (len(row) <= 60 or row.count("|") > 1)
        and not _CELLS.search(row)
        and not row.startswith(("-", "—", "●", "来源"))
    )
