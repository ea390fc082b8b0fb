"""How is it said? A message in somebody's language: what, where, since when, how bad, what to do, and where to look."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from citytwin.engine.notify.outbox import Lot, Told
from citytwin.kernel.message import Language, What
from citytwin.kernel.rule import Level
from citytwin.kernel.title import Title

WORDS: Mapping[str, Title] = {
    "alarm": Title("告警", "Alarm"), "alarm_ended": Title("告警恢复", "Alarm over"), "alarm_unanswered": Title("告警无人确认", "Alarm not answered"), "case_opened": Title("新工单", "New case"),
    "case_assigned": Title("工单指派", "Case assigned"), "case_moved": Title("工单流转", "Case moved on"), "case_returned": Title("工单退回", "Case returned"),
    "case_waiting": Title("工单暂停", "Case waits"), "case_closed": Title("工单办结", "Case closed"), "case_reminder": Title("工单临期", "Case due soon"),
    "case_late": Title("工单超期", "Case overdue"), "case_escalated": Title("工单催办升级", "Case escalated"), "feed_failing": Title("采集中断", "Feed failing"),
    "feed_back": Title("采集恢复", "Feed is back"), "target_at_risk": Title("目标有风险", "Target at risk"), "target_missed": Title("目标未达成", "Target missed"),
    "channel_failing": Title("通知渠道中断", "Channel failing"), "channel_back": Title("通知渠道恢复", "Channel is back"), "test": Title("测试", "Test"),
    "critical": Title("紧急", "Critical"), "high": Title("高", "High"), "medium": Title("中", "Medium"), "low": Title("低", "Low"),
    "level": Title("级别", "Level"), "place": Title("位置", "Place"), "since": Title("开始", "Since"), "at": Title("时间", "At"), "value": Title("数值", "Value"), "limit": Title("限值", "limit"),
    "step": Title("环节", "Step"), "to": Title("办理", "With"), "due": Title("期限", "Due"), "by": Title("操作人", "By"), "note": Title("说明", "Note"),
    "advice": Title("处置建议", "What to do"), "look": Title("查看详情", "Open"), "digest": Title("{n} 条通知", "{n} notifications"),
    "more": Title("另有 {n} 条未列出，请到通知页面查看", "{n} more are not listed here: see the notifications page"),
    "away": Title("本渠道自 {since} 起不可用，期间的 {n} 条通知合并为这一条发送", "This channel could not be reached since {since}; the {n} notifications of that time come as this one"),
    "many": Title("短时间内通知较多，合并发送", "There was much at once, so it comes as one message"),
    "withdrawn": Title("读数更正后，该告警不成立", "the readings were corrected: there was no such alarm"),
    "released": Title("搁置或屏蔽已解除，状态仍在持续", "it was shelved or held, and the state still lasts"),
    "unsent": Title("未能送达：{name} 在渠道“{via}”没有地址", "Not sent: {name} has no address in channel '{via}'"),
    "nobody": Title("没有找到应通知的人，请在 notify.yaml 中补充", "Nobody was found who is to be told: see notify.yaml"),
    "test_text": Title("这是一条测试通知，收到即表示该渠道可用。", "This is a test: the channel works."),
    "number": Title("编号", "Number"), "sent_by": Title("由 CityTwin 自动发送，请勿回复", "Sent by CityTwin; please do not reply"),
}  # fmt: skip
"""What messages say, beside what is declared."""
COLOURS: Mapping[Level, str] = {"critical": "#b3261e", "high": "#c4541b", "medium": "#8a6d00", "low": "#3b6ea5"}


@dataclass(frozen=True, slots=True)
class Item:
    """One event in words: a headline, lines (label, text), and the address to look at."""

    what: What
    level: Level
    headline: str
    lines: tuple[tuple[str, str], ...]
    link: str
    time: str


@dataclass(frozen=True, slots=True)
class Words:
    """A message in words: the subject, what is said ahead of the items, the items (gravest first), how many are left out, and the number of the message."""

    subject: str
    lead: tuple[str, ...]
    items: tuple[Item, ...]
    total: int
    level: Level
    number: str
    link: str
    language: Language

    def say(self, word: str, **filled: object) -> str:
        """A word of ours in the message's language."""
        return say(word, self.language, **filled)


def say(word: str, language: Language, **filled: object) -> str:
    """A word of ours in a language, filled in."""
    return str(getattr(WORDS[word], language)).format(**filled)


def compose(lot: Lot, language: Language, zone: str, address: str, city: Title) -> Words:
    """The message that a lot is. A function of the lot and what is declared only, so that it is the same however often it is sent."""
    items = tuple(item(one, language, zone, address) for one in lot.events)
    level = lot.level
    if not lot.digest and items:
        first = items[0]
        return Words(f"【{say(first.level, language)}】{first.headline}" if language == "zh" else f"[{say(first.level, language)}] {first.headline}", (), items, 1, level, lot.id, first.link, language)  # fmt: skip
    mix = "，".join(f"{say(k, language)} {n}" for k, n in lot.levels.items()) if language == "zh" else ", ".join(f"{say(k, language)} {n}" for k, n in lot.levels.items())  # fmt: skip
    name = getattr(city, language)
    subject = (
        f"{name}：{say('digest', language, n=lot.total)}（{mix}）"
        if language == "zh"
        else f"{name}: {say('digest', language, n=lot.total)} ({mix})"
    )
    lead = [say("away", language, since=moment(lot.away_since, zone), n=lot.total)] if lot.away_since else []
    lead += [say("many", language)] if lot.flood else []
    return Words(subject, tuple(lead), items, lot.total, level, lot.id, f"{address}/notifications", language)


def item(one: Told, language: Language, zone: str, address: str) -> Item:
    """An event in words."""
    facts = one.facts
    named = [_in(facts.get("title"), language), _in(facts.get("place"), language)]
    headline = (
        f"{say(one.what, language)}：{' · '.join(n for n in named if n)}"
        if language == "zh"
        else f"{say(one.what, language)}: {' · '.join(n for n in named if n)}"
    )
    lines = [("place", named[1]), ("at" if one.what.startswith("case") else "since", _at(facts.get("since"), zone)), ("value", _value(facts, language)), ("step", _in(facts.get("step"), language))]  # fmt: skip
    lines += [("to", _in(facts.get("to"), language)), ("due", _due(facts.get("due"), zone)), ("by", str(facts.get("by", ""))), ("note", _line(facts.get("note", "")))]  # fmt: skip
    if facts.get("reason") in WORDS:
        lines.append(("note", say(facts["reason"], language)))
    if facts.get("unsent"):
        who = "、".join(one.people) if language == "zh" else ", ".join(one.people)
        lines.append(("note", say("nobody", language) if facts["unsent"] == "nobody" else say("unsent", language, name=who, via=facts["unsent"])))  # fmt: skip
    lines.append(("advice", _in(facts.get("advice"), language)))
    said = tuple((say(word, language), text) for word, text in lines if text)
    return Item(one.what, one.level, headline, said, f"{address}{facts.get('link', '/notifications')}", moment(one.time, zone))  # fmt: skip


def plain(words: Words, most: int) -> str:
    """The message as plain text, of `most` bytes at most."""

    def render(items: Sequence[Item], left: int) -> str:
        parts = [words.subject, *words.lead]
        for one in items:
            if len(words.items) > 1:
                parts.append(f"■ 【{words.say(one.level)}】{one.headline}（{one.time}）" if words.language == "zh" else f"■ [{words.say(one.level)}] {one.headline} ({one.time})")  # fmt: skip
            parts += [f"{label}：{text}" if words.language == "zh" else f"{label}: {text}" for label, text in one.lines]
            parts.append(one.link)
        if left:
            parts += [words.say("more", n=left), words.link]
        return "\n".join([*parts, f"{words.say('number')} {words.number[:12]}"])

    return fitted(words, most, render)


def markdown(words: Words, most: int, ahead: str = "", *, headed: bool = True) -> str:
    """The message as the Markdown that robots of groups understand (headings, bold, quotes, links), of `most` bytes at most; what people wrote cannot call for anybody."""

    def render(items: Sequence[Item], left: int) -> str:
        parts = [f"### {safe(words.subject)}"] if headed else []
        parts += [*map(safe, words.lead), *([ahead] if ahead else [])]
        for one in items:
            if len(words.items) > 1:
                parts.append(f"**【{words.say(one.level)}】{safe(one.headline)}** {one.time}")
            else:
                parts.append(f"> {words.say('level')}: **{words.say(one.level)}**")
            parts += [f"> {label}: {safe(text)}" for label, text in one.lines]
            parts.append(f"[{words.say('look')}]({one.link})")
        if left:
            parts += [words.say("more", n=left), f"[{words.say('look')}]({words.link})"]
        return "\n\n".join([*parts, f"{words.say('number')} {words.number[:12]}"])

    return fitted(words, most, render)


def page(words: Words, most: int) -> str:
    """The message as a small HTML page, without anything that is loaded from elsewhere."""

    def render(items: Sequence[Item], left: int) -> str:
        parts = [f"<h2 style=\"margin:0 0 12px;font-size:18px\">{html.escape(words.subject)}</h2>", *(f"<p>{html.escape(x)}</p>" for x in words.lead)]  # fmt: skip
        for one in items:
            rows = "".join(f"<tr><td style=\"color:#666;padding:2px 12px 2px 0;vertical-align:top\">{html.escape(label)}</td><td>{html.escape(text)}</td></tr>" for label, text in one.lines)  # fmt: skip
            parts.append(
                f'<div style="border-left:4px solid {COLOURS[one.level]};padding:4px 0 4px 12px;margin:0 0 16px"><div><b style="color:{COLOURS[one.level]}">{html.escape(words.say(one.level))}</b> '
                f'<b>{html.escape(one.headline)}</b> <span style="color:#666">{html.escape(one.time)}</span></div><table>{rows}</table>'
                f'<a href="{html.escape(one.link)}">{html.escape(words.say("look"))}</a></div>'
            )
        if left:
            parts.append(f'<p>{html.escape(words.say("more", n=left))} <a href="{html.escape(words.link)}">{html.escape(words.say("look"))}</a></p>')  # fmt: skip
        foot = html.escape(f"{words.say('sent_by')} · {words.say('number')} {words.number[:12]}")
        lang = "zh-CN" if words.language == "zh" else "en"
        return f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8"></head><body style="font-family:sans-serif;font-size:14px">{"".join(parts)}<p style="color:#888;font-size:12px">{foot}</p></body></html>'

    return fitted(words, most, render)


def fitted(words: Words, most: int, render: Callable[[Sequence[Item], int], str]) -> str:
    """As many items as fit into `most` bytes of UTF-8; if not even one does, it is cut."""
    shown = list(words.items)
    while True:
        text = render(shown, words.total - len(shown))
        if len(text.encode()) <= most:
            return text
        if len(shown) <= 1:
            return text.encode()[: most - 3].decode("utf-8", "ignore") + "…"
        shown = shown[: max(1, len(shown) * 3 // 4)]


def safe(text: str) -> str:
    """What somebody wrote, without signs by which it would call for people, or become a heading or a link."""
    made = _line(text).replace("<", "＜").replace(">", "＞").replace("@", "＠")
    return re.sub(
        r"([\[\]*_`#])", lambda m: {"[": "［", "]": "］", "*": "＊", "_": "＿", "`": "｀", "#": "＃"}[m[1]], made
    )


def moment(at: datetime, zone: str) -> str:
    """A moment by the city's clock."""
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def _at(text: Any, zone: str) -> str:
    return moment(datetime.fromisoformat(text), zone) if text else ""


def _due(text: Any, zone: str) -> str:
    """A deadline: one at midnight is the end of the day before it, and so written."""
    if not text:
        return ""
    at = datetime.fromisoformat(text).astimezone(ZoneInfo(zone))
    return f"{at - timedelta(days=1):%Y-%m-%d} 24:00" if (at.hour, at.minute) == (0, 0) else f"{at:%Y-%m-%d %H:%M}"


def _in(title: Mapping[str, str] | None, language: Language) -> str:
    return _line(title.get(language) or title.get("zh") or "") if title else ""


def _line(text: str) -> str:
    return " ".join(str(text).split())[:500]


def _value(facts: Mapping[str, Any], language: Language) -> str:
    value, limit, unit = facts.get("value"), facts.get("limit"), facts.get("unit", "")
    if value is None:
        return ""
    shown = f"{value:.4g} {unit}".strip()
    return shown if limit is None else f"{shown}（{say('limit', language)} {limit:.4g} {unit}".strip() + "）" if language == "zh" else f"{shown} ({say('limit', language)} {limit:.4g} {unit}".strip() + ")"  # fmt: skip
