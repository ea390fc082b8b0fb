"""`python -m citytwin.cli.generate`: writes the schemas and the pages that are made from the sources; `--check` tells which are stale."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from citytwin.engine.check import generated
from citytwin.kernel.errors import CityTwinError


def main(argv: Sequence[str] | None = None) -> int:
    """Write what is generated, or with `--check` only say what is stale. Returns 0, or 1 when something is stale."""
    parser = argparse.ArgumentParser(
        prog="python -m citytwin.cli.generate",
        description="Write citytwin/schemas and the generated pages of docs from packs, cities, the kernel and the results of benchmarks.",
    )
    parser.add_argument("--check", action="store_true", help="write nothing; name what is stale and exit with 1")
    given = parser.parse_args(argv)
    try:
        stale = list(generated.check())
    except CityTwinError as e:
        print(e)
        return 1
    if given.check:
        for fault in stale:
            print(fault)
        return 1 if stale else 0
    for path, content in generated.files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text("utf-8") != content:
            path.write_text(content, "utf-8")
            print(f"wrote {path.relative_to(generated.ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
