"""How long does a plan take to read, as text, PDF and DOCX, and how well are real documents read?

Method: a plan of sentences made for this benchmark, of a hundred printed pages with headers and page numbers, as text, PDF and DOCX; each read five times in one process after
one round that is not counted. Peer in the same run: pypdfium2 taking the bare text of the same PDF out, page by page, without lines, paragraphs or commitments: the
floor. Peak memory is that of a fresh process that reads the one file, and of the PDF's own process. The slowest repeated pieces known, a megabyte of each, are timed by
processor time. Where the annotated bulletin lies beside the repository it is read as well, and judged by the annotation's own scorer. That text was open while the rules
were written: its figures say that the rules can express it, not that they generalise. With `--unseen DIR` the same is done for every NAME.txt with a NAME.jsonl in that
folder; whether the rules have seen them is for whoever owns the folder to say.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pypdfium2
from machine import repeat, spread, write

from citytwin.reader import ReaderError, read, rows

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
sys.path.insert(0, str(ROOT))
PAGES, RUNS = 100, 5
PIECES = ("。", "指标|单位|2025年\n", "到2025年达到10%以上，", "百分之", "1、\n", "市水务局牵头，", "2025年，")
CHILD = (
    "import resource, sys; from citytwin.reader import read; read(open(sys.argv[1], 'rb').read());"
    "print(*(resource.getrusage(w).ru_maxrss // 1024 for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))"
)


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


def memory(data: bytes) -> dict[str, int]:
    """Peak memory, in MB, of a process that reads one file, and of the processes it starts."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        done = subprocess.run([sys.executable, "-c", CHILD, file.name], capture_output=True, text=True, check=True)
    own, started = map(int, done.stdout.split())
    return {"reader": own, **({"pdf_process": started} if data.startswith(b"%PDF") else {})}


def worst() -> dict[str, float]:
    """Processor seconds for a megabyte of each of the slowest repeated pieces."""
    out = {}
    for piece in PIECES:
        data = (piece * (1_000_000 // len(piece.encode()))).encode()
        began = time.process_time()
        try:
            read(data)
            told = "read"
        except ReaderError:
            told = "refused"
        out[f"{piece.strip()} ({told})"] = round(time.process_time() - began, 2)
    return out


def scorer() -> ModuleType | None:
    """The annotation's own scorer, where it is at hand."""
    path = SHARED / "plans" / "score_targets.py"
    if not path.exists():
        return None
    spec = importlib.util.spec_from_file_location("score_targets", path)
    assert spec is not None
    assert spec.loader is not None
    score = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(score)
    return score


def judged(score: ModuleType, text: Path, annotation: Path) -> dict[str, Any]:
    """How well one annotated document is read: counts that can be added up, and the shares they give."""
    gold = [json.loads(line) for line in annotation.read_text("utf-8").splitlines() if line.strip()]
    header = next((row for row in gold if "_header" in row), {})
    gold = [row for row in gold if "_header" not in row]
    reading = read(text.read_bytes())
    found = [json.loads(json.dumps(row)) for row in rows(reading)]
    for row in [*gold, *found]:
        row["quote"] = score.strip(row["quote"])
    result = score.score(gold, found, header, "".join(reading.text.split()))
    tp, fp, fn = result["tp"], result["fp"], result["fn"]
    counts = {k: [right, of] for k, (_, right, of) in result["accuracy"].items()}
    whole = round(result["end_to_end_f1"] * (2 * tp + fp + fn) / 2)
    return summed(
        [
            {
                "tp": tp,
                "fp": fp,
                "fn": fn,
                "right": whole,
                "confused": result["fact_or_rule_taken_for_target"],
                "fields": counts,
            }
        ]
    )


def summed(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Several documents as one."""
    tp, fp, fn, right, confused = (sum(p[k] for p in parts) for k in ("tp", "fp", "fn", "right", "confused"))
    fields: dict[str, list[int]] = {}
    for p in parts:
        for k, (good, of) in p["fields"].items():
            at = fields.setdefault(k, [0, 0])
            at[0] += good
            at[1] += of
    return {
        "detection_precision": round(tp / max(tp + fp, 1), 3),
        "detection_recall": round(tp / max(tp + fn, 1), 3),
        "detection_f1": round(2 * tp / max(2 * tp + fp + fn, 1), 3),
        "end_to_end_f1": round(2 * right / max(2 * tp + fp + fn, 1), 3),
        "facts_and_rules_taken_for_targets": round(confused / max(tp + fp, 1), 3),
        "tp": tp,
        "fp": fp,
        "fn": fn,
        "right": right,
        "confused": confused,
        "fields": fields,
    }


def real(unseen: Path | None) -> dict[str, Any]:
    """Scores on annotated documents: the bulletin where it is at hand, and those of a folder, by file name."""
    score = scorer()
    if score is None:
        return {}
    out: dict[str, Any] = {}
    text = SHARED / "bulletin" / "bulletin.txt"
    if text.exists():
        data = text.read_bytes()
        out["bulletin_s"] = spread(repeat(lambda: seconds(lambda: read(data)), RUNS))
        out["bulletin"] = judged(score, text, SHARED / "plans" / "bulletin_targets.jsonl")
    pairs = sorted(unseen.glob("*.txt")) if unseen and unseen.is_dir() else []
    each = {t.stem: judged(score, t, t.with_suffix(".jsonl")) for t in pairs if t.with_suffix(".jsonl").exists()}
    if each:
        out["documents"] = {"all": summed(list(each.values())), **each}
    return out


def main() -> None:
    from tests.reader.conftest import docx_of, p_of, pdf_of, typeset

    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument(
        "--unseen", type=Path, metavar="DIR", help="a folder of annotated documents: NAME.txt and NAME.jsonl"
    )
    unseen = given.parse_args().unseen
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
        results[f"{kind}_peak_memory_mb"] = memory(data)
    results["pdf_floor_s"] = spread(repeat(lambda: seconds(lambda: floor(pdf)), RUNS))
    results["bench_peak_memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    results["processor_s_for_a_megabyte_of"] = worst()
    write(
        "reader",
        "How long does a plan take to read, as text, PDF and DOCX, and how well are real documents read?",
        __doc__ or "",
        {**results, **real(unseen)},
    )


if __name__ == "__main__":
    main()
