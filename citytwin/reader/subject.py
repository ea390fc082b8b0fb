"""What is counted or measured? Nouns before and after a number."""

from __future__ import annotations

import re

from . import words as w

# Who does it is no part of what is done.
_ACTOR = re.compile(
    r"^(?:[^，]{2,30}?(?:负责|牵头)(?![人制任单部])(?:组织)?|(?:[^，]{1,12}(?:局|委|厅|政府|部门|单位|街道|公司|中心)|各[^，]{0,8}?[区县市镇道）])"
    r"(?:要|应当?|须|必须|需|将)(?:在)?|各[区县市](?:（□{1,6}）)?(?=至少))"
)
_SIZE = re.compile(
    r"^\d[\d.]*[万亿]?(?:千瓦|千伏安?|吨|立方米|兆瓦|公里|平方米|升|米)级?"
)  # 2台100万千瓦机组: the noun comes after
_DOING = re.compile(r"(?:建成|新建|建设|完成|配备|配建|设置|安排|开展|组织|举办|培育|打造|创建)+$")
_LEAD_IN = re.compile(
    r"^(?:[一二三四五六七八九十]是|每年|逐年|每月|每季度|年均|日均|预计|预期|的|以上|以下|以内|左右|年度内|再(?![生次制])|新(?=引进|增加)|[，、；：·\-—”]|其中|届时|以来|到|至|在|并|且|使|实现|确保|力争|争取|努力|计划|将|要|应|全年|年内|继续|"
    r"进一步|持续|稳步|逐步|基本|也|还|其|总体|不断|以及|和|及)+"
)
_VERB = re.compile(
    r"^(?:(?:新建|改建|扩建|改造|新增|建成|完成|提升|改扩建|新改扩建|更新|维修|修缮)[、和及]|改造提升|更新改造|培育壮大|引进培育|建成开放|建设提升|归集|汇聚|接种|发放|拨付|投产|新增|增设|完成|建成(?!区(?!级))|建设(?!任务|用地|规模|工程|项目|标准|水平|进度|资金|面积)|新建(?!民用|建筑|公共|居住|住宅|厂房|小区|公建|工业)|改建|扩建|改造|建立|创建|打造|打通|推进|推动|实施|推广|布局|培育|引进|引育|"
    r"形成|开展|提供|设置|安装|更新|淘汰|新改建|新改扩建|新开工|新开|开工|竣工|开通|组织|"
    r"打通|净增|带动|惠及|做好|抓好|落实|启动|引导|支持|鼓励|编制|制定|出台|创成|规划|举办|发展|实现|支撑|对接|接入|整治|修复|种植|筹集|配建|布设|部署|盘活|拆除|关停|压减|削减|培训|认定|招募|"
    r"吸引|集聚|发放|投放|建(?![筑设成材制])|全面|累计|更新改造|改造提升|提升改造|达到)+(?![及和与或、])"
)
_LIST = re.compile(r"[、]|和(?!谐|平)|以及|及(?!时|其)|与(?!会)")
_TAIL = re.compile(
    r"(?:[储处供保][\u4e00-\u9fff]{0,2}能力|可支配收入|产值|覆盖面|排放总量|排放量|排放强度|排放|总量|浓度|使用量|利用率|处理率|收集率|覆盖率|普及率|回收率|资源化利用率|"
    r"增加值|比例|比重|占比|消费量|用水量|能耗|强度|去除率|合格率|达标率|密度|面积|数量|数)$"
)


_TRAILING = r"(?:的|到|完成|力争|争取|确保|实现|全面|全部|基本|如期|初步|加快|得到|原则上|总体|稳定|累计|正式|再)+$"


def noun_before(text: str) -> str:
    """The subject in the words left of a verb: '全市用水总量' of '到2023年，全市…'."""
    text = re.split(r"[，；。：]", text)[-1]
    text = re.sub(r"(?:分别|均|都|各)(?:新增|更新|建成|新建|完成|改造|达到|培育|减少|增加)$", "", text)
    text = re.sub(r"(?:分别|均|都|各|合计|累计|年均|每年|平均)+$", "", text)
    text = _ACTOR.sub("", text)
    text = _LEAD_IN.sub("", text) or text.strip("，、；：")  # “零就业家庭”: a name that is nothing but a quotation
    text = re.sub(_TRAILING, "", _DOING.sub("", _VERB.sub("", text))).strip("，、；： ")
    return text.strip("“”") if text.count("“") != text.count("”") or text[1:-1].count("”") == 0 else text


def noun_after(text: str) -> str:
    """The counted noun in the words right of a number: '节水示范项目'."""
    m = w.SUFFIX.match(text)
    if m:
        text = text[m.end() :]
    if text[:1] in ("、", "和", "及", "与", "或"):
        return ""  # the next item of a list, not this one's noun
    text = re.sub(r"^(?:的|个|左右|（.*?）)+", "", _SIZE.sub("", text))
    text = re.split(r"[，；。：]|\d", text)[0]
    return text.strip("、“” 和及与")[:60]


def listed(text: str) -> list[str]:
    """The subjects of one distributed predicate; a shared last noun (…排放总量) goes to each."""
    parts = [p for p in _LIST.split(text) if p]
    if len(parts) < 2:
        return [text]
    tail = _TAIL.search(parts[-1])
    if tail and len(parts[-1]) > len(tail.group()):
        # Only names without a measure of their own borrow the last one's.
        parts = [p if _TAIL.search(p) or p.endswith(tail.group()) else p + tail.group() for p in parts]
    return parts
