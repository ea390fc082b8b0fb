"""The list of the OWASP ASVS in docs/reference/security.md against the ids of the standard and the tests it names; and what is imported by default against licences."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest

from citytwin.cli import audit

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "security.md"
IDS = """1.1:1,2 1.2:1,2,3,4,5,6,7,8,9 1.3:1,2,3,4,5,6,7,8,9,10,11 1.4:1,2,3 1.5:1,2 2.1:1,2,3 2.2:1,2,3 2.3:1,2,3,4
2.4:1 3.2:1,2 3.3:1,2,3,4 3.4:1,2,3,4,5,6 3.5:1,2,3,4,5 3.7:1,2 4.1:1,2,3 4.2:1 4.3:1,2 4.4:1,2,3,4 5.1:1
5.2:1,2,3 5.3:1,2 5.4:1,2,3 6.1:1,2,3 6.2:1,2,3,4,5,6,7,8,9,10,11,12 6.3:1,2,3,4 6.4:1,2,3,4 6.5:1,2,3,4,5
6.6:1,2,3 6.8:1,2,3,4 7.1:1,2,3 7.2:1,2,3,4 7.3:1,2 7.4:1,2,3,4,5 7.5:1,2 7.6:1,2 8.1:1,2 8.2:1,2,3 8.3:1 8.4:1
9.1:1,2,3 9.2:1,2,3,4 10.1:1,2 10.2:1,2 10.3:1,2,3,4 10.4:1,2,3,4,5,6,7,8,9,10,11 10.5:1,2,3,4,5 10.6:1,2
10.7:1,2,3 11.1:1,2 11.2:1,2,3 11.3:1,2,3 11.4:1,2,3,4 11.5:1 11.6:1 12.1:1,2,3 12.2:1,2 12.3:1,2,3,4 13.1:1
13.2:1,2,3,4,5 13.3:1,2 13.4:1,2,3,4,5 14.1:1,2 14.2:1,2,3,4 14.3:1,2,3 15.1:1,2,3 15.2:1,2,3
15.3:1,2,3,4,5,6,7 16.1:1 16.2:1,2,3,4,5 16.3:1,2,3,4 16.4:1,2,3 16.5:1,2,3 17.1:1 17.2:1,2,3,4 17.3:1,2"""
"""Requirements of levels 1 and 2 of ASVS 5.0.0: for each section the numbers of those that belong to them."""
STATES = ("n/a", "open")
COPYLEFT = re.compile(r"\b(A|L)?GPL|General Public License|SSPL|EUPL|Affero", re.IGNORECASE)


def rows() -> list[list[str]]:
    """The lines of the list: id, level, requirement, what is done, test."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if re.match(r"\| \d+\.\d+\.\d+ ", line)]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def ids() -> list[str]:
    """Every id that has to be there, in the order of the standard."""
    return [f"{section}.{n}" for word in IDS.split() for section, _, of in [word.partition(":")] for n in of.split(",")]


@cache
def functions(path: str) -> set[str]:
    """The tests of a file."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    return {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_requirement_is_there_once_against_the_standard() -> None:
    assert [r[0] for r in rows()] == ids()
    assert len(ids()) == 253


@pytest.mark.parametrize("section", sorted({i.partition(".")[0] for i in ids()}, key=int))
def test_every_line_names_a_test_that_is_there_or_says_why_not(section: str) -> None:
    for id, level, words, done, shown in (r for r in rows() if r[0].startswith(f"{section}.")):
        assert level in ("1", "2"), id
        assert words, id
        assert len(done) > 3, id
        if shown in STATES:
            continue
        path, _, name = shown.strip("`").partition("::")
        assert (ROOT / path).is_file(), (id, path)
        assert name.startswith("test_"), (id, name)
        assert name in functions(path), (id, shown)


def test_what_stays_open_is_counted() -> None:
    stated = re.search(r"(\d+) of 253 are open", PAGE.read_text("utf-8"))
    assert stated
    assert int(stated[1]) == sum(r[4] == "open" for r in rows())


def test_what_is_imported_by_default_is_permissively_licensed() -> None:
    """All that a served city has imported once it is built, by what the installed packages say of themselves."""
    code = "import sys, citytwin.cli.run, citytwin.cli.readings, citytwin.store.duckdb, citytwin.reader; print(' '.join(sorted({m.partition('.')[0] for m in sys.modules})))"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    owners = packages_distributions()
    names = {d for module in told.stdout.split() for d in owners.get(module, ())} - {"citytwin"}
    assert {"duckdb", "starlette", "uvicorn"} <= names
    for name in sorted(names):
        meta = distribution(name).metadata
        said = [meta.get("License-Expression") or (meta.get("License") or "")[:80]]
        said += [c for c in meta.get_all("Classifier") or () if c.startswith("License")]
        assert any(said), f"{name} does not say its licence"
        assert not COPYLEFT.search(" ".join(said)), (name, said)


def test_an_audit_against_what_the_registries_say() -> None:
    weak = '{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}, {"name": "b", "version": "1", "vulns": []}]}'
    assert audit.python(weak) == (["a 1: PYSEC-1, mended in 2"], "")
    skipped = '{"dependencies": [{"name": "a", "skip_reason": "not found"}]}'
    assert audit.python(skipped) == ([], "1 of 1 packages could not be asked about")  # not asked is not sound
    assert audit.python("")[1].startswith("pip-audit did not answer")
    assert audit.node('{"vulnerabilities": {"x": {"severity": "high", "range": "<2"}}}') == (["x: high, <2"], "")
    assert audit.node('npm warn audit 405\n{"message": "405"}')[1].startswith("npm did not answer")
    assert audit.node('{"vulnerabilities": {}}') == ([], "")


# -- what SECURITY.md tells operators


def told(part: str) -> str:
    """A part of SECURITY.md: from its bold words to the next."""
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    return re.split(r"^\*\*|^## ", text.partition(f"**{part}")[2], maxsplit=1, flags=re.MULTILINE)[0]


def code(*folders: str) -> str:
    """All of our Python below these folders."""
    return "\n".join(p.read_text("utf-8") for f in folders for p in sorted((ROOT / "citytwin" / f).rglob("*.py")))


def test_every_table_has_a_class() -> None:
    classed = re.findall(
        r"`(\w+)`", "".join(r.split("|")[2] for r in told("Classes of data").splitlines() if r.startswith("| "))
    )
    schema = (ROOT / "citytwin" / "store" / "schema.sql").read_text("utf-8")
    assert sorted(classed) == sorted(re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", schema))


def test_every_secret_and_algorithm_is_told() -> None:
    said = told("Secrets and algorithms").lower().replace("-", "")
    used = set(re.findall(r"hashlib\.(sha\d+|md5|blake2\w)", code("")))
    assert used
    assert {u for u in used if u not in said} == set()
    assert ("argon2id" in said, "totp" in said, "serving.json" in said) == (True, True, True)
    for algorithm in re.findall(
        r'"((?:RS|ES|PS|HS)\d{3}|EdDSA)"', (ROOT / "citytwin" / "engine" / "oidc.py").read_text()
    ):
        assert algorithm.lower() in said, algorithm


def test_every_way_out_is_told() -> None:
    said = told("Ways out").lower()
    files = {p.stem for p in (ROOT / "citytwin" / "schemas").glob("*.json")} & {"feeds", "notify", "signin"}
    assert {f for f in files if f"{f}.yaml" not in said} == set()
    kinds = re.findall(r'"(smtp|webhook|wecom|dingtalk|feishu)"', code("kernel"))
    assert {k for k in kinds if k not in said} == set()
    assert kinds


def test_what_is_logged_is_told() -> None:
    said = told("What is logged")
    assert "audit_row" in said
    assert "/audit" in said


def test_what_may_be_sent_is_told() -> None:
    house = (ROOT / "citytwin" / "api" / "house.py").read_text("utf-8")
    said = told("What may be sent")
    limits = dict(re.findall(r"(largest_\w+): int = (\d+) \* MIB", house))
    assert sorted(limits) == ["largest_batch", "largest_document", "largest_file"]
    assert {n for n in limits.values() if f"{n} MiB" not in said} == set()


def test_what_is_kept_from_the_public_is_told() -> None:
    said = told("What the public sees")
    from citytwin.api.gate import NEEDS, PUBLIC

    open_to_all = [path for _, path, right in NEEDS if right == PUBLIC]
    words = {"open311": "Open311", "public": "plans", "city": "name"}
    assert {w for w in words if any(w in path for path in open_to_all) and words[w] not in said} == set()


def test_how_soon_weak_parts_go_is_told() -> None:
    assert re.search(r"within a week .* within a month", told("Weak parts"))
