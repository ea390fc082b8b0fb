"""How long is it from a reading to an alarm that can be seen in an open browser?

Method: the server of `bench_watch.py` in a process of its own (1,000 lamps, one rule, judged as readings come in), and Chromium on the same machine with the page /alarms open.
A client beside them posts 20,000 readings a second as Arrow, ten bodies a second. In each body one lamp goes beyond its limit, and stays so for five seconds. An observer of mutations in the
page looks for the lamp's id in what is new or changed, and notes the clock when the frame after that mutation is drawn (`requestAnimationFrame`); `visible_*` runs from before the body is sent to then,
`dom_*` to the mutation. Both clocks are the machine's. The first three seconds are left out. `unseen`: alarms that never came to the page. In the same run `told_*`: until the alarm is read from the stream of
events by a plain client, so that the rest is the browser's: asking for the list anew, and drawing it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from bench_ingest import STREAMS
from machine import write

from citytwin.engine import decode

SECONDS, BODIES_PER_S, LAST, WARM_S = 30, 10, 50, 3
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
WATCHER = """
() => {
  const seen = (window.seen = {});
  const clock = () => performance.timeOrigin + performance.now();
  new MutationObserver((records) => {
    const found = new Set();
    for (const record of records) {
      const nodes = [record.target, ...record.addedNodes];
      for (const node of nodes) {
        const text = node === record.target && record.type === "childList" ? "" : node.outerHTML || node.parentElement?.outerHTML || "";
        for (const id of text.match(/\\bl\\d{4}\\b/g) || []) if (!seen[id]) found.add(id);
      }
    }
    if (!found.size) return;
    const dom = clock();
    for (const id of found) seen[id] = [dom, 0];
    requestAnimationFrame(() => { for (const id of found) seen[id][1] = clock(); });
  }).observe(document.querySelector("main"), { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ["href", "id", "data-row", "title"] });
}"""
LIMITS = """The machine has two cores, which the browser, the client and the server share: see `load_before`. Headless Chromium draws without a graphics processor.
"""


def body(n: int, start: int, names: pa.Array) -> bytes:
    """Two readings of each lamp, of which one more is beyond its limit."""
    moment = np.tile(start + n * 2_000_000 + np.arange(2) * 1_000_000, STREAMS)
    value = np.full(2 * STREAMS, 0.1)
    value[2 * max(0, n - LAST) : 2 * n + 2] = 0.9
    stream = pa.DictionaryArray.from_arrays(pa.array(np.repeat(np.arange(STREAMS, dtype=np.int32), 2)), names)
    table = pa.table({"stream": stream, "time": pa.array(moment).cast(pa.timestamp("us", tz="UTC")), "value": value})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def listen(port: int, heard: dict[str, float]) -> None:
    """Note when each alarm is read from the stream of events."""
    live = http.client.HTTPConnection("127.0.0.1", port)
    live.request("GET", "/api/live")
    events, kind = live.getresponse(), b""
    while line := events.readline():
        if line.startswith(b"event: "):
            kind = line[7:].strip()
        elif line.startswith(b"data: ") and kind == b"alarms":
            now = time.time()
            for told in json.loads(line[6:]):
                if told["state"] == "active":
                    heard.setdefault(told["asset"], now)


def post(port: int, seconds: int, sent: dict[str, float]) -> float:
    """Send the bodies at their pace. Returns the readings a second."""
    names = pa.array([f"l{n:04}.hello.power" for n in range(STREAMS)])
    client = http.client.HTTPConnection("127.0.0.1", port)
    start = int(datetime.now(UTC).timestamp() * 1e6) - 3_600_000_000
    began = time.perf_counter()
    for n in range(seconds * BODIES_PER_S):
        data = body(n, start, names)
        time.sleep(max(0.0, began + n / BODIES_PER_S - time.perf_counter()))
        sent[f"l{n:04}"] = time.time()
        client.request("POST", "/api/observations", data, {"Content-Type": decode.ARROW})
        answer = client.getresponse()
        assert answer.status == 201, answer.read()
        answer.read()
    return seconds * BODIES_PER_S * 2 * STREAMS / (time.perf_counter() - began)


def run(folder: Path, seconds: int) -> dict[str, object]:
    from playwright.sync_api import sync_playwright

    chromium = next((p for name in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(name))), "")
    if not chromium:
        sys.exit("chromium is not installed (Debian: apt install chromium fonts-noto-cjk)")
    server = [sys.executable, str(Path(__file__).with_name("bench_watch.py")), "--serve", str(folder)]
    process = subprocess.Popen(server, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        port = int(process.stdout.readline().strip().rsplit(":", 1)[1])
        heard: dict[str, float] = {}
        sent: dict[str, float] = {}
        rate: list[float] = []
        threading.Thread(target=listen, args=(port, heard), daemon=True).start()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"http://127.0.0.1:{port}/alarms")
            page.wait_for_selector("body[data-ready]", timeout=60_000)
            page.evaluate(WATCHER)
            posting = threading.Thread(target=lambda: rate.append(post(port, seconds, sent)))
            posting.start()
            while posting.is_alive():
                page.wait_for_timeout(500)
            page.wait_for_timeout(3000)  # what is not seen by then counts as not seen
            seen: dict[str, list[float]] = page.evaluate("window.seen")
            version = browser.version
            browser.close()
    finally:
        process.terminate()
        process.wait(30)
    counted = list(sent)[WARM_S * BODIES_PER_S :]

    def spread(name: str, took: list[float]) -> dict[str, Any]:
        return {f"{name}_p{q}_ms": round(float(np.percentile(took, q)), 1) if took else None for q in (50, 95, 99)}

    return {
        "readings_per_s": round(rate[0]) if rate else 0,
        "alarms": len(counted),
        "unseen": sum(a not in seen for a in counted),
        **spread("visible", [seen[a][1] - sent[a] * 1000 for a in counted if a in seen and seen[a][1]]),
        **spread("dom", [seen[a][0] - sent[a] * 1000 for a in counted if a in seen]),
        **spread("told", [(heard[a] - sent[a]) * 1000 for a in counted if a in heard]),
        "chromium": version,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--dry", action="store_true", help="print, and leave the result file alone")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        results = run(Path(name), given.seconds)
    if given.dry:
        print(json.dumps(results, indent=1))
        return
    question, _, method = (__doc__ or "").partition("\n\n")
    write("browser", question, method, results, LIMITS)


if __name__ == "__main__":
    main()
