"""GDAL's driver for OGC API – Features, which QGIS shares its author with, reads the city."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.served import Served

pytestmark = pytest.mark.skipif(shutil.which("ogr2ogr") is None, reason="GDAL (ogr2ogr) is not installed")


def run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "ERROR" not in done.stderr, done.stderr
    return done.stdout


def test_every_collection_is_a_layer(lingang: Served) -> None:
    told = run("ogrinfo", "-ro", f"OAPIF:{lingang.url}/ogc")
    for collection in lingang.get("/ogc/collections")["collections"]:
        assert f": {collection['id']} (title: {collection['title']})" in told


def test_all_pages_arrive_with_types_and_geometries(lingang: Served, tmp_path: Path) -> None:
    out = tmp_path / "pipes.geojson"
    run("ogr2ogr", str(out), f"OAPIF:{lingang.url}/ogc", "drainage.pipe", "-oo", "PAGE_SIZE=100")
    copied = json.loads(out.read_text("utf-8"))["features"]
    page = lingang.get("/ogc/collections/drainage.pipe/items?limit=10000")
    assert len(copied) == page["numberMatched"] > 200
    assert {f["properties"]["id"] for f in copied} == {f["id"] for f in page["features"]}
    by_id = {f["id"]: f for f in page["features"]}
    assert all(f["geometry"]["type"] == by_id[f["properties"]["id"]]["geometry"]["type"] for f in copied)


def test_a_window_and_the_last_readings(lingang: Served, tmp_path: Path) -> None:
    out, window = tmp_path / "wells.geojson", ("121.9", "30.87", "121.95", "30.9")
    run("ogr2ogr", str(out), f"OAPIF:{lingang.url}/ogc?latest=true", "drainage.manhole", "-spat", *window)
    copied = json.loads(out.read_text("utf-8"))["features"]
    page = lingang.get(f"/ogc/collections/drainage.manhole/items?limit=10000&latest=true&bbox={','.join(window)}")
    assert len(copied) == page["numberMatched"] > 10
    levels = {f["id"]: f["properties"]["drainage.level"] for f in page["features"]}
    assert any(v is not None for v in levels.values())
    assert all(
        f["properties"]["drainage.level"] is None or isinstance(f["properties"]["drainage.level"], float)
        for f in copied
    )
