"""How strongly does a plan promise? One of six categories besides the word itself, and nothing where no word says it."""

from __future__ import annotations

import re

# Each word with its category. 应 and 要 are words of duty only where they are no part of another (应用, 响应, 重要, 要求).
_WORDS = (
    ("must", r"必须|务必|应当|确保|保证(?![率金书])|务求|不得|严禁|禁止|一律|严格|(?<!无)须|约束性|"
     r"(?<![响供相效反适对感顺呼])应(?![用急对变届付收时力邀纳聘尽缴])|(?<![重主需纪摘概次])要(?![求素点闻件道地害约领义么是])"),
    ("strive", r"力争|争取|努力|力求|尽快|尽早|尽可能|原则上"),
    ("expected", r"预期性|预计|预期|有望|计划(?=[于在建完新投实交开总年])|拟(?=[于在建投开新])"),
    ("explore", r"探索|研究(?=制[定订]|建立|出台|推|设立|编制|开展|提出)|试点(?=推行|开展|实施|建设)|先行先试"),
    ("encourage", r"鼓励|支持|引导|倡导|提倡|号召"),
    ("promote", r"推动|推进|促进|加快|大力|积极"),
)  # fmt: skip
_ANY = re.compile("|".join(f"(?P<{name}>{words})" for name, words in _WORDS))
CATEGORIES = tuple(name for name, _ in _WORDS)


def strength(words: str) -> tuple[str | None, str]:
    """The word before a number or a verb that says how strongly it is promised, and its category ('' where none does).

    The last word counts, for it stands nearest; but what merely moves things on (推动, 加快) yields to any other.
    """
    word, force = None, ""
    for m in _ANY.finditer(words):
        kind = m.lastgroup or ""
        if not (kind == "promote" and force):
            word, force = m.group(), kind
    return word, force
