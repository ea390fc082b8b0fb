"""Traditional characters: the same commitments, quoted as they were written."""

from __future__ import annotations

from citytwin.reader import read, rows
from citytwin.reader.script import simplified

SIMPLE = (
    "青岚市绿色发展实施方案（2023—2025年）\n青政发〔2023〕9号\n一、发展目标\n到2025年，全市单位产值能耗较2020年下降14%，绿化覆盖率达到45%以上，"
    "实现“一户一表”全覆盖。\n二、重点任务\n（一）节约用电。2024年底前，完成变电站扩建，新增储能容量5万千瓦。（市发展改革委牵头，市、区财政局等配合）\n"
    "（二）环境治理。力争新建雨水调蓄池12座，污水处理规模达到30万立方米/日。\n"
)
TRADITIONAL = (
    "青嵐市綠色發展實施方案（2023—2025年）\n青政發〔2023〕9號\n一、發展目標\n到2025年，全市單位產值能耗較2020年下降14%，綠化覆蓋率達到45%以上，"
    "實現「一戶一表」全覆蓋。\n二、重點任務\n（一）節約用電。2024年底前，完成變電站擴建，新增儲能容量5萬千瓦。（市發展改革委牽頭，市、區財政局等配合）\n"
    "（二）環境治理。力爭新建雨水調蓄池12座，污水處理規模達到30萬立方米/日。\n"
)


def test_a_traditional_plan_gives_what_its_simplified_twin_gives() -> None:
    simple, traditional = rows(read(SIMPLE.encode())), rows(read(TRADITIONAL.encode()))
    written = {"quote", "doc_title", "section_title", "scope"}  # these are given as written
    assert [{k: v for k, v in r.items() if k not in written} for r in traditional] == [
        {k: v for k, v in r.items() if k not in written} for r in simple
    ]
    assert len(simple) >= 7


def test_quotes_stay_as_written_and_offsets_lead_to_them() -> None:
    reading = read(TRADITIONAL.encode())
    assert reading.documents[0].title == "青嵐市綠色發展實施方案（2023—2025年）"
    assert reading.documents[0].number == "青政发〔2023〕9号"
    for c in reading.documents[0].commitments:
        assert "".join(reading.text[c.raw_start : c.raw_end].split()) == c.quote


def test_simplified_text_and_lengths_stay() -> None:
    assert simplified(SIMPLE) == SIMPLE
    assert simplified(TRADITIONAL.translate(str.maketrans("「」", "“”"))) == SIMPLE
    every = "".join(map(chr, [*range(0x3400, 0x4DC0), *range(0x4E00, 0xA000), *range(0x20000, 0x20400)]))
    assert len(simplified(every)) == len(every)
