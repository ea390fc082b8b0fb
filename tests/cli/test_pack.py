"""Does `citytwin pack` check, make and list packs?"""

from __future__ import annotations

from pathlib import Path

import pytest

from citytwin.cli import generate, main
from citytwin.engine import load
from citytwin.engine.check import generated


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_new_pack_is_clean_and_wholly_renamed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pack", "new", "lighting"]) == 0
    assert "citytwin pack check lighting" in capsys.readouterr().out
    folder = tmp_path / "packs" / "lighting"
    source = load.PACKS / "hello"
    names = sorted(
        str(p.relative_to(source)).replace("hello", "lighting")
        for p in source.rglob("*")
        if p.is_file() and p.suffix != ".pyc"
    )
    assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()) == names
    for path in folder.rglob("*.*"):
        assert "hello" not in path.read_text("utf-8"), path
    assert "lamp-0" not in (folder / "demo.py").read_text("utf-8")
    assert main(["pack", "check", "lighting", "hello"]) == 0
    assert capsys.readouterr().out == "clean\n"


def test_a_new_pack_in_another_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pack", "new", "lighting", "--into", "mine"]) == 0
    assert "citytwin pack check lighting --packs mine" in capsys.readouterr().out
    assert main(["pack", "list", "--packs", "mine"]) == 0
    out = capsys.readouterr().out
    assert "\nlighting " in out
    assert "   mine/lighting" in out
    assert "base " in out


def test_faults_are_told_and_the_status_is_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["pack", "new", "lighting"])
    (tmp_path / "packs" / "lighting" / "utils.py").write_text("x = 1\n", "utf-8")
    capsys.readouterr()
    assert main(["pack", "check", "lighting"]) == 1
    given = capsys.readouterr()
    assert given.out.startswith("packs/lighting/utils.py:1: LAYOUT file 'utils.py' has no meaning here (")
    assert "lighting: 1 fault, " in given.err


@pytest.mark.parametrize(
    "argv",
    [
        ["pack", "check", "nowhere"],
        ["pack", "check", "--packs", "nowhere"],
        ["pack", "check", "./nowhere"],
        ["pack", "list", "--packs", "nowhere"],
        ["pack", "new", "Lighting"],
        ["pack", "new", "class"],
        ["pack", "new", "main"],
        ["pack", "new", "base"],
    ],
)
def test_wrong_usage_is_two_and_says_why(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    err = capsys.readouterr().err
    assert err
    assert "Traceback" not in err


def test_a_pack_is_not_made_twice(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pack", "new", "lighting"]) == 0
    assert main(["pack", "new", "lighting"]) == 2
    assert "already" in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv", [["pack"], ["pack", "check", "--help"], ["pack", "new", "--help"], ["pack", "list", "--help"]]
)
def test_help_has_an_example(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(argv)
    assert stop.value.code == (0 if "--help" in argv else 2)
    if argv[1:2] in (["check"], ["new"]):
        assert "citytwin pack" in capsys.readouterr().out.partition("example")[2]


def test_generate_writes_what_is_stale(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "docs" / "page.md"
    monkeypatch.setattr(generated, "ROOT", tmp_path)
    monkeypatch.setattr(generated, "files", lambda: {page: "now\n"})
    assert generate.main(["--check"]) == 1
    assert "docs/page.md:1: STALE" in capsys.readouterr().out
    assert generate.main([]) == 0
    assert page.read_text("utf-8") == "now\n"
    assert generate.main(["--check"]) == 0
