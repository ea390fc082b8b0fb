"""Is a number promised, prescribed, or merely reported?"""

from __future__ import annotations

import re

from . import words as w
from .finding import Clause, Sentence
from .tokens import Moment, Quantity
from .units import is_count

_FROM_NOW = re.compile(r"(?:由|从)(?:目前|现在|现有|现状)的?")  # where a promise starts from, not a report
_INDEX = re.compile(
    r"[A-Za-z]{2,6}|指数|系数|比值|密度|强度|容积率|单耗|值|得分|等级|比$|数量|总数|总量|规模|人口|人数"
)
# Sizes that stand in front of a thing as part of its name: 15分钟生活圈, 500千伏变电站.
_IN_NAMES = frozenset(("min", "h", "s", "天", "个月", "工作日", "倍", "m", "kV", "kVA", "TEU", "t", "Gbps"))


_PASSING = re.compile(r"(?:超过|不足|低于|高于|不满|未满|满|达到|大于|小于|少于|多于|超出)$")
_MAKES = re.compile(r"新增|新建|建成|完成|形成|建设|打造|培育|实施|推动|推进|推广|创建")
_THRESHOLD = re.compile(r"[\u4e00-\u9fff]{0,4}(?:及|或)?以[上下](?=[\u4e00-\u9fff])")
_REMOVES = re.compile(r"(?:淘汰|关停|拆除|取缔|退出|整合|禁止|严禁|不再(?:新建|审批|核准)|停止|替代)[^，]*$")
_OF = re.compile(r"[^，]{2,}的(?:单机容量|容量|规模|面积)?$")
# What a size stands in front of: a name, not the word of what is done with it (二期9公里于年底前通车).
_NAMED = re.compile(r"(?!于|在|全部|均|全线|建成|投|开放|完成|通车|贯通|实现|竣工|完工)[\u4e00-\u9fff“]")
_SET_ASIDE = re.compile(r"(?:安排|统筹|筹集|筹措|落实|列支|设立)[^，]{0,10}$")
_CAPACITY = re.compile(r"(?:床位|泊位|机位|学位|车位|座席|员工|职工|人员|住户|床)(?:规模)?的")
_COUNT_BEFORE = re.compile(r"\d(?:台|座|个|艘|套|组|条|处)$")
# Meetings and reports at fixed times are how work is done, not what it achieves.
_ROUTINE = re.compile(
    r"每(?:[一二两三]?[周月]|[一二两三]?个月|[半一]?个?季度|半年|年|[一二两]年)(?:度|至少|不少于)?(?:组织)?(?:召开|通报|报送|调度|会商|研究|听取|更新)"
)


def bare_index(s: Sentence, clause: Clause, q: Quantity) -> bool:
    """A number without a unit counts only behind a strong verb and an index-like noun: PUE降至1.3以下."""
    left = s.without_times(clause.start, q.start)
    after = s.mask[q.end : min(q.end + 2, s.end)]
    if after and not (w.SUFFIX.match(after) or after[0] in "、，和；。"):
        return False
    head = left
    for strip in (w.ABOUT, w.AT_LEAST, w.AT_MOST):
        head = strip.sub("", head)
    strong = any(p.search(head) for p in (w.DOWN_TO, w.UP_TO, w.HELD, w.KEPT, w.IS)) or head != left
    return strong and bool(_INDEX.search(left) or _INDEX.search(head))


def measures_nothing(s: Sentence, left: str, clause: Clause, q: Quantity) -> bool:
    """Digits that measure nothing promised: one in three (每3), the city's 16 districts, a 15-minute circle."""
    if re.search(r"(?:每|第|之|满|近\d{0,2}|款|条例|连续)$", left) and not left.endswith("分之"):
        return True
    if q.unit in ("Gbps",) and q.value <= 6 and q.value == int(q.value):
        return True  # 5G is a generation, not a rate
    after = s.mask[q.end : q.end + 4]
    if re.match(r"/\d", after) or left.endswith("/"):
        return True  # 10万千瓦/20万千瓦时 is the size of one thing
    if is_count(q.word) and (w.WHOLE.search(left) or re.match(r"部分|方面|章节|板块", after)):
        return True
    if re.match(r"(?:级(?!以)|制式|型|版|代|座以|以来|前|后(?!，))", after):
        return True
    if q.unit in _IN_NAMES and re.match(r"[\u4e00-\u9fff]", after):
        level = any(p.search(left) for p in (w.UP_TO, w.DOWN_TO, w.AT_LEAST, w.AT_MOST, w.HELD))
        if not (level or w.SUFFIX.match(after) or re.match(r"[和及与、的]", after) or w.ACHIEVE.search(left[-4:])):
            return True
    if re.match(r"[“”□]", after) and q.unit == "":
        return True
    if re.search(r"(?:高于|低于|快于|优于|好于|领先)[^，\d]{2,14}(?:平均(?:水平|值|数)?|增速|水平)$", left):
        return True  # 高于全市平均水平0.5个百分点: a distance, from what nobody knows
    if re.search(r"(?:分解|下达|细化|压实|延伸)(?:落实)?(?:到|至)$", left):
        return True  # 分解到8个乡镇: to whom, not how much
    # 以6个城市为重点, 依托2家实验室: the number says where, not how much.
    whole = s.without_times(clause.start, q.start).lstrip("，、")
    framed = w.BASED.match(whole) or (
        (w.FRAMED.match(whole) or w.BY_MEANS.search(whole)) and "为" in s.mask[q.end : clause.end]
    )
    return bool(framed) and not w.ACHIEVE.search(whole)


def judged(
    s: Sentence, clause: Clause, series: list[Quantity], right: str, moment: Moment | None, follows: bool
) -> tuple[str, float]:
    """numeric, rule or fact, and how sure that is; `follows` says that a promise stands before it in the sentence."""
    left, setting = s.without_times(clause.start, series[0].start), s.setting
    left = _FROM_NOW.sub("", left)
    first, last = series[0], series[-1]
    by = moment is not None and moment.role == "by"
    achieved = _achieved(left)
    if moment is not None and moment.role == "past":
        return "fact", 0.9
    if re.search(r"(?:包括|包含|涵盖|分为|分成|划分为|共分)[^，]{0,24}$", left) and is_count(last.word):
        return "fact", 0.7
    m = w.ALREADY.search(left)
    if m and not w.ACHIEVE.search(left[: m.start()]):
        return "fact", 0.9
    if _ruled(clause, first, last, left, right, achieved):
        return "rule", 0.8
    if setting.law and not by:
        return "rule", 0.8
    if not by and (
        w.GONE.search(left) or re.search(r"(?<![为除])了(?!解)", right[:3]) or setting.past or setting.background
    ):
        return "fact", 0.85
    if not by and w.SO_FAR.match(s.mask, s.start, clause.start):
        return "fact", 0.8
    if setting.background and moment is None:
        return "fact", 0.8
    if setting.news:
        will = by or w.WILL.search(clause.text)
        return ("numeric", 0.6) if will and w.WILL_DO.search(clause.text) else ("fact", 0.8)
    sized = (
        not is_count(first.word)
        and first.unit not in ("%", "pp")
        and _COUNT_BEFORE.search(s.mask, clause.start, first.start)
    )
    if sized and re.match(r"[\u4e00-\u9fff]", right) and not w.SUFFIX.match(right):
        return "fact", 0.7  # 2台100万千瓦机组: how large each of them is
    if w.SIZE.search(left) and (right.startswith("的") or (not achieved and not follows)):
        return "fact", 0.7
    suffix = w.SUFFIX.match(right)
    tail = right[suffix.end() :] if suffix else right
    measured = not is_count(last.word) and last.unit not in ("%", "pp") and bool(_NAMED.match(tail))
    if measured and (not achieved or re.match(r"[^，、\d]{1,20}\d", tail)):
        return "fact", 0.6  # a size inside a name or a place
    if re.search(r"(?:将|把|能够?|可)$", left) and tail.startswith("的"):  # 将70%的降雨就地消纳: a part of the subject
        return "fact", 0.6
    return "numeric", 0.9 if achieved or by else 0.7


def _achieved(left: str) -> bool:
    """Whether a verb of doing governs a number; a doubtful word counts only where a verb must stand."""
    core = w.ADVERBS.sub("", left)
    return bool(w.ACT.search(left) or w.ACHIEVE.match(core) or w.ACHIEVE.search(left[-5:]))


def _ruled(clause: Clause, first: Quantity, last: Quantity, left: str, right: str, achieved: bool) -> bool:
    """A number that says who is covered or how things must be done, not what will be reached."""
    suffix = w.SUFFIX.match(right)
    tail = right[suffix.end() :] if suffix else right
    measured = not is_count(last.word) and last.unit not in ("%", "pp")
    if w.FORBID.search(left):
        return True
    if w.QUOTA.search(left) and (w.QUOTA_NOUN.match(tail) or w.QUOTA_CLOSE.search(left)):
        return True
    if w.GRANT.search(clause.text) and not _SET_ASIDE.search(left) and (last.unit in ("CNY", "%") or "元" in last.word):
        return True
    if tail.endswith(("的", "时")) and len(tail) < 12:
        return True
    if suffix and re.match(r"的(?:占|达|比例|不|[^，]{0,4}\d)", tail):  # 节水率12%以上的达到90万平方米
        return True
    if last.unit == "CNY" and w.CEILING.search(left):
        return True
    if w.OBLIGE.search(tail) or w.QUALIFY.search(clause.text):
        return True
    if suffix and tail and measured and not achieved:
        return True
    if last.unit == "%" and suffix and tail and not achieved and not w.DOES.search(tail):
        return True
    if first.unit == "岁" and suffix:
        return True
    # 超过12小时的, 床位缺口超过300张且…的街道: the number says who is meant.
    if (
        _PASSING.search(left)
        and re.match(r"(?:及?以[上下])?(?:且|并|或|，)?[^，]{0,16}的(?!目标|要求|水平|比例|标准|任务)", right)
        and not _MAKES.search(left)
    ):
        return True
    if (
        re.match(r"[，、]?(?:对于?|凡|针对)", left)
        and _THRESHOLD.match(right)
        and (left.endswith("的") or not _MAKES.search(left))
    ):
        return True
    if measured and suffix and tail and (_REMOVES.search(left) or _OF.search(left)):
        return True
    if (
        measured
        and suffix
        and re.match(r"的[^，]{2,24}(?:要|需|应|须|均|一律|全部|必须|实行|纳入)", tail)
        and not _MAKES.search(left)
    ):
        return True
    if suffix and _CAPACITY.match(tail):
        return True  # 80张以上床位的护理机构: which ones
    if _ROUTINE.search(left + "□" + right) and is_count(last.word):
        return True
    return bool(re.match(r"[，、]?(?:对|凡|对于|针对)", left)) and "的" in tail and not achieved
