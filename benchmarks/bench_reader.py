"""How long does a plan take to read, as text, PDF and DOCX, and how well is a real bulletin read?

Method: a plan of sentences made for this benchmark, of a hundred printed pages with headers and page numbers, as text, PDF and DOCX; each read five times in one process after
one round that is not counted. Peer in the same run: pypdfium2 taking the bare text of the same PDF out, page by page, without lines, paragraphs or commitments: the
floor. Where the annotated bulletin lies beside the repository it is read as well, and judged by the annotation's own scorer. That text was open while the rules
were written: its figures say that the rules can express it, not that they generalise. Peak memory is that of the reading process and of the PDF's own process.
"""

from __future__ import annotations

import importlib.util
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdfium2
from machine import repeat, spread, write

from citytwin.reader import read, rows

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
sys.path.insert(0, str(ROOT))
PAGES, RUNS = 100, 5


def seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def plan() -> list[str]:
    """Paragraphs enough for more than a hundred pages."""
    out = ["白汀市供水发展规划（2023—2025年）", "一、重点任务"]
    for n in range(1, 1200):
        out.append(
            f"（{n % 90 + 1}）改造第{n}片区。到2025年，更换老旧管网{n % 70 + 1}公里，安装智能水表{n % 9 + 1}万只，全市用水总量控制在{n % 5 + 3}亿立方米以内，"
            "统筹推进设施更新与运行维护，完善巡查、抢修和信息报送机制，持续提升供水保障能力和服务水平。（市水务局牵头，市、区财政局等配合）"
        )
    return out


def floor(data: bytes) -> int:
    """The bare text of a PDF."""
    return sum(len(page.get_textpage().get_text_range()) for page in pypdfium2.PdfDocument(data))


def bulletin() -> dict[str, Any]:
    """Time and score on the annotated bulletin, where it is at hand."""
    text, plans = SHARED / "bulletin" / "bulletin.txt", SHARED / "plans"
    if not (text.exists() and (plans / "score_targets.py").exists()):
        return {}
    data = text.read_bytes()
    spec = importlib.util.spec_from_file_location("score_targets", plans / "score_targets.py")
    assert spec is not None
    assert spec.loader is not None
    score = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(score)
    gold = [
        json.loads(line) for line in (plans / "bulletin_targets.jsonl").read_text("utf-8").splitlines() if line.strip()
    ]
    header = next((row for row in gold if "_header" in row), {})
    gold = [row for row in gold if "_header" not in row]
    reading = read(data)
    found = [json.loads(json.dumps(row)) for row in rows(reading)]
    for row in [*gold, *found]:
        row["quote"] = score.strip(row["quote"])
    result = score.score(gold, found, header, "".join(reading.text.split()))
    return {
        "bulletin_s": spread(repeat(lambda: seconds(lambda: read(data)), RUNS)),
        "bulletin_detection_f1": result["f1"],
        "bulletin_end_to_end_f1": result["end_to_end_f1"],
        "bulletin_accuracy": result["accuracy"],
    }


def main() -> None:
    from tests.reader.conftest import docx_of, p_of, pdf_of, typeset

    paragraphs = plan()
    pages = typeset(paragraphs, "白汀市供水发展规划", lines=28)[:PAGES]
    assert len(pages) == PAGES
    pdf = pdf_of(pages)
    whole = paragraphs[: 2 + len(rows(read(pdf))) // 3]  # three commitments in each
    files = {
        "text": "\n".join(whole).encode(),
        "pdf": pdf,
        "docx": docx_of("".join(p_of(paragraph) for paragraph in whole)),
    }
    results: dict[str, Any] = {"pages": PAGES, "characters": sum(map(len, whole))}
    for kind, data in files.items():
        results[f"{kind}_s"] = spread(repeat(lambda data=data: seconds(lambda: read(data)), RUNS))  # type: ignore[misc]
        results[f"{kind}_commitments"] = len(rows(read(data)))
    results["pdf_floor_s"] = spread(repeat(lambda: seconds(lambda: floor(pdf)), RUNS))
    results["peak_memory_mb"] = {
        "reader": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "pdf_process": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
    }
    write(
        "reader",
        "How long does a plan take to read, as text, PDF and DOCX, and how well is a real bulletin read?",
        __doc__ or "",
        {**results, **bulletin()},
    )


if __name__ == "__main__":
    main()
