"""What went wrong, in Chinese? The messages that people meet in the web app, as our code words them, and how they are said in Chinese.

A key is a message (or hint) with `{}` for what is filled in. What stands in no table is told in English only: what machines, packs and whoever runs the server are told.
"""

from __future__ import annotations

import re
from functools import cache

TITLES = {
    "not_found": "找不到",
    "bad_request": "请求不合要求",
    "bad_batch": "这批数据有错误",
    "bad_declaration": "声明有错误",
    "unit_mismatch": "单位不匹配",
    "unauthorized": "尚未登录",
    "forbidden": "没有权限",
    "too_many": "请求过于频繁",
    "conflict": "与已有记录冲突",
    "too_large": "内容过大",
    "unsupported": "不支持的内容类型",
    "unreadable": "文件无法读取",
    "source_failed": "数据源没有正常应答",
    "store_busy": "系统繁忙",
    "store_failed": "系统暂时无法保存或读取",
    "error": "请求未能完成",
    "method_not_allowed": "不支持的操作",
    "too_slow": "请求没有按时发完",
    "head_too_large": "请求头过大",
    "provider_failed": "统一身份认证没有正常应答",
}
"""By code; a code that is not named here has the words of `error`."""

MESSAGES = {
    # who asks, and what they may
    "nobody knows who asks": "尚未登录，或登录已失效",
    "you may not do this": "您没有做这件事的权限",
    "the request comes from another site": "请求来自其他网站，已拒绝",
    "there were too many tries from this address": "来自这个地址的尝试次数太多",
    "there were too many wrong tries": "输错次数太多",
    "the name or the password is wrong": "用户名或密码不对",
    "a code is needed as well": "还需要动态验证码",
    "the code is not the one of now": "验证码不对或已过期",
    "the password is wrong": "密码不对",
    "the password has {} characters": "密码有 {} 个字符",
    "the password is one that is guessed first": "这个密码太容易被猜到",
    "the link was used, or its time is up": "链接已用过或已过期",
    "you are '{}', and not '{}'": "您是“{}”，不能以“{}”的名义办理",
    "nobody would be left who rules": "这样就没有管理员了",
    "there is nobody '{}'": "没有账户“{}”",
    "there is no body '{}'": "没有单位“{}”",
    "'{}' is no role": "没有角色“{}”",
    "'{}' is no level": "没有级别“{}”",
    "'{}' stands under '{}'": "“{}”已在“{}”之下",
    "'{}' is still there for {}": "“{}”仍被使用：{}",
    "you may not do this as a part of something else": "不能作为批量请求的一部分来做这件事",
    "you may see a part of the city alone": "您只能查看所辖部分，这里涉及全市",
    "there is no '{}'": "没有“{}”",
    "this city is called by another name": "这个地址不是本机地址，已拒绝",
    "a service has no password": "服务账户没有密码",
    "there is a second factor": "已启用动态验证码",
    "no secret was offered": "尚未申请动态验证码密钥",
    "a token has a name of 1 to 100 characters": "令牌名称应为 1 到 100 个字符",
    "there is no right '{}'": "没有权限“{}”",
    "'{}' may not '{}'": "“{}”没有权限“{}”",
    "a token of one's own is for oneself": "个人令牌只能给自己",
    "you have no session or token '{}'": "您没有这个会话或令牌：{}",
    "a token of a person is theirs to make": "个人令牌须由本人创建",
    "'{}' is not an id": "“{}”不能用作编号",
    "a title has 1 to 100 characters": "名称应为 1 到 100 个字符",
    "there is no line in the file": "文件里没有数据行",
    "there are no accounts here: the city is served with --no-auth": "未启用登录（--no-auth），没有账户",
    "nobody signs in here: the city is served with --no-auth": "未启用登录（--no-auth），无需登录",
    # what is not there
    "there is no alarm '{}'": "没有告警“{}”",
    "there is no case '{}'": "没有工单“{}”",
    "there is no case type '{}'": "没有工单类型“{}”",
    "there is no asset '{}'": "没有设施“{}”",
    "there is no asset type '{}'": "没有设施类型“{}”",
    "there is no measure '{}'": "没有任务“{}”",
    "there is no target '{}'": "没有目标“{}”",
    "there is no plan '{}'": "没有规划“{}”",
    "there is no draft '{}'": "没有草案“{}”",
    "there is no record '{}'": "没有条目“{}”",
    "there is no section '{}'": "没有章节“{}”",
    "there is no file '{}'": "没有文件“{}”",
    "there is no draw '{}'": "没有抽取“{}”",
    "there is no hold {}": "没有搁置记录 {}",
    "there is no channel '{}'": "没有通知渠道“{}”",
    "there is no message '{}'": "没有通知“{}”",
    "there is no decision table '{}'": "没有决策表“{}”",
    "there is no stream '{}' with readings": "监测项“{}”没有数据",
    "there is no edit {} of this stream": "这个监测项没有第 {} 次修正",
    "there is no {} '{}'": "没有这一项（{}）：“{}”",
    "it is not said who decides": "请填写您的姓名",
    "the note is too long or not text": "说明太长或不是文字",
    "the cursor is none of this list": "翻页位置已失效，请重新打开列表",
    # alarms and holds
    "the alarm has already cleared": "告警已经解除",
    "an alarm that is {} cannot {}": "{}的告警不能{}",
    "every alarm of the city is not held at once": "不能一次搁置全市的告警",
    "'{}' is not a way to hold alarms": "“{}”不是搁置告警的方式",
    "alarms are held for a reason": "请写明搁置原因",
    "a shelf has an end": "搁置须有截止时间",
    "the end is past": "截止时间已过",
    "the alarms are {} already": "告警已处于“{}”",
    "the hold has ended": "搁置已经结束",
    # cases
    "the alarm has a case already: {}": "这条告警已有工单：{}",
    "the place is none": "位置坐标无效",
    "the case above is closed": "上级工单已办结",
    "the case is closed": "工单已办结",
    "the case waits for the applicant": "工单正在等待申请人",
    "the case is not closed": "工单尚未办结",
    "the case does not wait": "工单不在等待中",
    "the case was not handed on": "工单没有被转办过",
    "the case was never at '{}'": "工单没有经过环节“{}”",
    "the case cannot be reopened at '{}'": "工单不能从环节“{}”重新办理",
    "the step cannot be put off by {} days": "本环节不能延长 {} 天",
    "the deadline has passed, or there is none": "期限已过，或没有期限",
    "it is not said why ({})": "请写明原因",
    "'{}' has the case": "工单由“{}”经办",
    "'{}' had the case already": "“{}”已经经办过这件工单",
    "'{}' is not asked": "没有请“{}”会办",
    "step '{}' is not done by '{}'": "环节“{}”不由“{}”办理",
    "'{}' did step '{}' of this case": "“{}”办理过本工单的环节“{}”",
    "step '{}' does not follow '{}'": "环节“{}”不能接在“{}”之后",
    "{} cases under this one are open": "有 {} 件下级工单未办结",
    "proofs are missing: {}": "缺少证明材料：{}",
    "step '{}' asks for a draw": "环节“{}”需要一次随机抽取",
    "step '{}' asks for no draw": "环节“{}”不需要随机抽取",
    "scorecard '{}' cannot score: {}": "评分卡“{}”无法评分：{}",
    "table '{}' does not let the case go to '{}'": "按决策表“{}”不能转到“{}”",
    "table '{}' cannot decide: {}": "决策表“{}”无法判定：{}",
    "'{}' is nothing that people do to a case": "工单没有“{}”这种操作",
    "'{}' does not go with '{}'": "“{}”不能与“{}”一起提交",
    "'{}' is missing": "缺少“{}”",
    "'days' is missing, or no whole number": "请填写延长的天数（整数）",
    "the span is none, or too long": "时间范围无效或太长",
    # forms and files
    "the form is not JSON: {}": "表单内容无法解析：{}",
    "the form has {} bytes": "表单有 {} 字节，太大",
    "the form has more than {} values": "表单内容超过 {} 项",
    "the form is nested deeper than {}": "表单嵌套超过 {} 层",
    "the form has {} faults: {}": "表单有 {} 处错误：{}",
    "there is no form to fill in here": "这里没有要填的表单",
    "{} files are too many": "附件数 {} 超过上限",
    "{} files at once": "一次提交了 {} 个文件",
    "'{}' has {} bytes": "“{}”有 {} 字节，太大",
    "'{}' is {}": "“{}”的类型是 {}，不接受",
    "nothing asks for the proof '{}'": "没有要求证明材料“{}”",
    "'{}' is {}, which does not show '{}'": "“{}”的类型是 {}，不能证明“{}”",
    "the file is empty": "文件是空的",
    "the body has {} bytes": "上传内容有 {} 字节，太大",
    "the body has more than {} bytes": "上传内容超过 {} 字节",
    "the body comes as '{}'": "上传内容的类型是“{}”，不接受",
    "the body is not JSON: {}": "提交的内容无法解析：{}",
    # draws
    "the commitment is no SHA-256": "种子摘要不是 SHA-256",
    "the list has {} members": "名单有 {} 个，太多",
    "{} cannot be drawn from {}": "不能从 {1} 个中抽取 {0} 个",
    "the list is none: {}": "名单无效：{}",
    "this seed was committed to already": "这个种子已登记过",
    "the seed was told already": "种子已经公开",
    "the seed of draw '{}' was not told yet": "抽取“{}”的种子尚未公开",
    "this is not the seed that was committed to": "这不是登记时的种子",
    "draw '{}' has {} members": "抽取“{}”抽中 {} 个，太多",
    # plans, measures and drafts
    "nothing shows that it is done": "没有说明，也没有附件能证明已完成",
    "a day of completion goes with what is done, today or before": "完成日期只能随“已完成”填写，且不晚于今天",
    "this target is itself a part": "这个目标本身是分解出来的",
    "'{}' is not computed for a {}": "“{}”不按这种设施（{}）计算",
    "{} decided otherwise at {} UTC ({})": "{} 已在 {}（UTC）作了不同处理（{}）",
    "{} decided after you looked ({})": "您查看之后，{} 又作了处理（{}）",
    "it is not said which records": "没有说明是哪些条目",
    "the record does not say what is promised": "条目没有写明承诺的内容",
    "'{}' has no value to reach": "“{}”没有要达到的数值",
    "the range of '{}' ends before it begins": "“{}”的范围下限大于上限",
    "a value is not a number": "数值无效",
    "'{}' is not a day": "“{}”不是日期",
    "{} is no deadline": "{} 不能作为期限",
    "a document has a title": "文件须有标题",
    "there is nothing to take back": "没有可撤回的操作",
    "{} records are not decided yet": "还有 {} 条没有处理",
    "no record is accepted: there is nothing to track": "没有采纳任何条目，无可跟踪",
    "{} records cannot be tracked as they are": "有 {} 条现在还不能跟踪",
    "the plan stands in the city's folder": "这份规划在城市文件夹里，不能从页面撤回",
    "{} faults in the parts": "分解结果有 {} 处错误",
    # edits
    "it is not said why": "请写明原因",
    "somebody edited the stream meanwhile": "其他人刚刚修正过这个监测项",
    "edit {} is undone already": "第 {} 次修正已经撤销",
    "'{}' has more than {} readings there": "“{}”在该时段的数据超过 {} 条",
    "a time is none that this city knows of": "时间无效",
    # notifications
    "this city tells nobody anything": "这座城市没有配置通知",
    "'{}' has no mail address": "“{}”没有邮箱地址",
    "the channel takes no more messages just now": "这个渠道暂时不再接收",
    # load and store
    "the question takes longer than {} s": "查询超过 {} 秒，已停止",
    "the store does not take writes: it is closed": "系统正在停止，暂不保存",
    "the store does not take writes: {}": "系统暂时无法保存：{}",
    "nothing was recorded: {}": "没有保存成功：{}",
    "something failed on our side": "服务器内部出错",
}  # fmt: skip

HINTS = {
    "sign in, or send a token: Authorization: Bearer ct_…": "请登录",
    "use the web app of this city, or a token": "请在本市的页面上操作",
    "try again in {} s": "{} 秒后再试",
    "try again in a minute": "一分钟后再试",
    "wait a little": "请稍后再试",
    "after five tries an account waits": "输错五次后账户须等待",
    "give the code of your authenticator app": "填写验证器应用中的数字",
    "give the newest one, or a spare code": "填写最新的验证码，或一个备用码",
    "check the clock of the device, and give the newest": "核对设备时间，填写最新的验证码",
    "give the one you sign in with": "填写登录密码",
    "{} to {}: four words do well": "应为 {} 到 {} 个字符，四个互不相干的词就很好",
    "take four words that have nothing to do with each other": "换成四个互不相干的词",
    "ask for a new one": "请管理员再发一个",
    "give your own name": "用您自己的名字",
    "make somebody else an administrator first": "先让另一个人成为管理员",
    "ask an administrator": "请联系管理员",
    "move these first": "先处理这些",
    "give a name of at most {} characters": "姓名最多 {} 个字符",
    "at most {} characters": "最多 {} 个字符",
    "at most {}": "最多 {}",
    "at most {} for a case": "一件工单最多 {}",
    "at most {}; attach a file instead": "最多 {}；请改用附件",
    "attach a file instead": "请改用附件",
    "take `next` of the page before, as it is": "回到第一页",
    "nothing is left to acknowledge": "无需再确认",
    "name the rule or the asset": "指明规则或设施",
    "say why": "写明原因",
    "say until when; what has none is out of service": "写明截止时间；没有截止时间的应为停用",
    "a time to come": "选择将来的时间",
    "release hold {} first": "先解除搁置 {}",
    "nothing is left to release": "无需再解除",
    "see /api/cases/{}": "查看工单 {}",
    "longitude from -180 to 180 and latitude from -90 to 90": "经度 -180 到 180，纬度 -90 到 90",
    "reopen it first": "先重新办理它",
    "resume it first": "先恢复办理",
    "return it to an earlier step": "退回到之前的环节",
    "there is nothing to resume": "无需恢复",
    "only who has it hands it on": "只有经办人可以转办",
    "assign it to somebody": "请指派经办人",
    "give it back instead": "请改为交回",
    "assign it to yourself first, which stays on record": "先转到自己名下（会留下记录）",
    "give the reason in note": "在说明里写明原因",
    "it is put off before it passes": "须在到期前延长",
    "it was at: {}": "经过的环节：{}",
    "what follows: {}": "可以转到：{}",
    "asked are: {}": "会办单位：{}",
    "let them answer, or return the case": "等他们答复，或退回工单",
    "close first: {}": "先办结：{}",
    "somebody else does '{}'": "环节“{}”须由其他人办理",
    "attach files with proof: {}": "请附上证明材料：{}",
    "name one whose seed was told, see /api/draws": "选择一次已公开种子的抽取",
    "it says: {}": "决策表的结论：{}",
    "mend the form, or the table": "修改表单，或联系管理员修改决策表",
    "by how many days the deadline is put off": "延长多少天",
    "see faults": "见下列各项",
    "send it to /api/files first": "请先上传文件",
    "send {}": "接受的类型：{}",
    "asked for: {}": "要求的材料：{}",
    "choose another one": "请另选一个",
    "from 1 to as many as there are": "从 1 到名单总数",
    "every member once": "每个成员只写一次",
    "every draw has a seed of its own": "每次抽取用新的种子",
    "see who was drawn": "查看抽中名单",
    "its SHA-256 is {}": "登记的摘要是 {}",
    "tell it first: nobody can check it before": "先公开种子，此前无人能核对",
    "say how, or attach the proof": "写明情况，或附上证明",
    "look at it again": "请重新查看",
    "look at its edits again": "请重新查看修正记录",
    "edit them": "请修改这些条目",
    "give the reason of the edit": "写明修正原因",
    "choose a shorter span": "缩短时间范围",
    "ask for less: a shorter span, fewer conditions": "缩短时间范围，减少条件",
    "check the disk's free space and permissions": "检查磁盘空间和权限",
    "see the server's log, entry {}": "查看服务器日志，编号 {}",
    "see the server's log": "查看服务器日志",
    "one of: {}": "可选：{}",
    "it takes the right to {}: ask your administrator": "需要“{}”权限：请联系管理员",
    "sign in: no token does this": "请登录后操作，令牌不能办理",
    "nobody may": "任何人都不能这样做",
    "at most {} more": "最多再延 {} 天",
    "it was, or never is": "已延长过，或不可延长",
    "it is by: {} {}": "由 {} 办理",
}  # fmt: skip

WORDS = {
    "active": "未确认", "acknowledged": "已确认", "returned": "已恢复未确认", "latched": "已锁定", "latched_acknowledged": "已锁定并确认", "shelved": "已搁置", "suppressed": "被抑制",
    "out_of_service": "已停用", "out of service": "已停用", "cleared": "已解除", "acknowledge": "确认", "reset": "复位", "alarm": "告警", "case": "工单", "asset": "设施",     "scorecard": "评分卡", "stream": "监测项", "indicator": "指标", "case type": "工单类型", "plan": "规划", "see": "查看", "act": "处置", "run": "推演", "send": "上报数据", "tend": "维护", "prove": "审计", "rule": "管理", "model": "模型", "pack": "业务包",
}  # fmt: skip
"""What is filled in, where it is a word of ours."""


def title(code: str) -> str:
    """What a code means."""
    return TITLES.get(code, TITLES["error"])


def message(text: str) -> str:
    """A message in Chinese; "" where it is told in English only."""
    return _said(text, "message")


def hint(text: str) -> str:
    """A hint in Chinese; "" where it is told in English only."""
    return _said(text, "hint")


def _said(text: str, which: str) -> str:
    table = MESSAGES if which == "message" else HINTS
    if text in table:
        return table[text]
    for pattern, chinese in _patterns(which):
        if found := pattern.fullmatch(text):
            filled = [WORDS.get(part, part) for part in found.groups()]
            return chinese.format(*filled)
    return ""


@cache
def _patterns(which: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Those with something filled in; the ones that say most themselves first."""
    table = MESSAGES if which == "message" else HINTS
    open_ = sorted((k for k in table if "{}" in k), key=lambda k: -len(k.replace("{}", "")))
    return tuple((re.compile("(.*?)".join(map(re.escape, k.split("{}"))), re.DOTALL), table[k]) for k in open_)
