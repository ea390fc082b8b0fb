"""QGIS itself opens the city: its provider, in the Python that it is installed for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.served import Served

SCRIPT = """
import json, os, sys
from qgis.core import QgsApplication, QgsFeatureRequest, QgsRectangle, QgsVectorLayer, QgsWkbTypes
app = QgsApplication([], False)
app.initQgis()
told = {}
for kind in sys.argv[2:]:
    layer = QgsVectorLayer(f" pagingEnabled='true' pageSize='100' restrictToRequestBBOX='1' typename='{kind}' url='{sys.argv[1]}'", kind, "OAPIF")
    mine = told[kind] = {"valid": layer.isValid(), "shape": QgsWkbTypes.displayString(layer.wkbType()), "count": layer.featureCount(), "title": layer.metadata().title()}
    mine["fields"] = {f.name(): f.typeName() for f in layer.fields()}
    mine["ids"] = sorted(f["id"] for f in layer.getFeatures())
    window = QgsFeatureRequest(QgsRectangle(121.9, 30.87, 121.95, 30.9))
    mine["window"] = sorted(f["id"] for f in layer.getFeatures(window))
    if "drainage.level" in mine["fields"]:
        layer.setSubsetString('"drainage.level" > 1')
        mine["high"] = sorted(f["id"] for f in layer.getFeatures())
print(json.dumps(told), flush=True)
os._exit(0)  # its own way out falls over layers that are still there
"""


@cache
def python() -> str | None:
    """The Python that knows QGIS."""
    for found in ("/usr/bin/python3", shutil.which("python3")):
        if (
            found
            and subprocess.run(
                [found, "-c", "import qgis.core"], capture_output=True, check=False, env=_plain()
            ).returncode
            == 0
        ):
            return found
    return None


def _plain(**more: str) -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))} | {
        "QT_QPA_PLATFORM": "offscreen",
        **more,
    }


def test_layers_their_fields_pages_windows_and_filters(lingang: Served, tmp_path: Path) -> None:
    found = python()
    if found is None:
        pytest.skip("QGIS (python3-qgis) is not installed")
    kinds = ("drainage.manhole", "drainage.pipe")
    words = [found, "-c", SCRIPT, f"{lingang.url}/ogc?latest=true", *kinds]
    tmp_path.chmod(0o700)
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=_plain(HOME=str(tmp_path), XDG_RUNTIME_DIR=str(tmp_path)),
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])

    def ids(kind: str, query: str = "") -> list[str]:
        return sorted(f["id"] for f in lingang.get(f"/ogc/collections/{kind}/items?limit=10000{query}")["features"])

    for kind in kinds:
        layer = told[kind]
        assert layer["valid"]
        assert layer["ids"] == ids(kind)
        assert layer["count"] == len(layer["ids"]) > 100
        assert layer["window"] == ids(kind, "&bbox=121.9,30.87,121.95,30.9")
        assert 0 < len(layer["window"]) < layer["count"]
    assert (told["drainage.manhole"]["shape"], told["drainage.pipe"]["shape"]) == ("Point", "LineString")
    fields = told["drainage.manhole"]["fields"]
    assert (fields["drainage.level"], fields["invert_m"], fields["zh"], fields["monitored"]) == (
        "Real",
        "Real",
        "String",
        "Boolean",
    )
    assert told["drainage.manhole"]["high"] == ids("drainage.manhole", "&filter=drainage.level%20%3E%201")
