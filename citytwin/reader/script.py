"""Which simplified character does a traditional one stand for?"""

from __future__ import annotations

from functools import cache
from typing import Any


def simplified(text: str) -> str:
    """The text in simplified characters, one for one, so that offsets stay valid. What GB 2312 holds stays as it is:
    simplified text comes back unchanged."""
    if text.isascii():
        return text
    table: dict[int, str] = {}
    for c in set(text):
        if "\u3400" <= c <= "\u9fff" or c >= "\U00020000":
            s = _of(c)
            if s != c:
                table[ord(c)] = s
    return text.translate(table) if table else text


@cache
def _of(c: str) -> str:
    try:
        c.encode("gb2312")
    except UnicodeEncodeError:
        s = str(_converter().convert(c))
        return s if len(s) == 1 else c
    return c


@cache
def _converter() -> Any:
    from opencc import OpenCC  # loaded only where a traditional character occurs

    return OpenCC("t2s")
