"""What does a browser get? The built web app with the right types, kept as long as it may be, and nothing from outside."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Caller, check_problem

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
SCRIPT = "console.log('试');" * 200


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("site")
    (root / "secret.txt").write_text("not for you")
    files = {
        "index.html": "<!doctype html><title>城</title>",
        "icon.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
        "app/index-B1x_9zQa.js": SCRIPT,
        "app/index-C2y-8wRb.css": "a{}",
        "app/font.woff2": "x",
        "app/odd-D3z_7vSc.zzz": "x",
    }
    for name, text in files.items():
        path = root / "static" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    (root / "static" / "leak.txt").symlink_to(root / "secret.txt")
    return root / "static"


@pytest.fixture(scope="module")
def site(build: Any, portal: Any, folder: Path) -> Caller:
    return Caller(build(False, static=folder), portal)


@pytest.mark.parametrize(
    ("path", "media"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
        ("/app/index-B1x_9zQa.js", "text/javascript; charset=utf-8"),
        ("/app/index-C2y-8wRb.css", "text/css; charset=utf-8"),
        ("/app/font.woff2", "font/woff2"),
        ("/app/odd-D3z_7vSc.zzz", "application/octet-stream"),
    ],
)
def test_files_have_their_type(site: Caller, path: str, media: str) -> None:
    answer = site.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, media)


def test_hashed_files_are_kept_for_ever_and_the_others_asked_for_again(site: Caller) -> None:
    assert "immutable" in site.get("/app/index-B1x_9zQa.js").headers["cache-control"]
    for path in ("/", "/icon.svg", "/app/font.woff2", "/plans"):
        assert site.get(path).headers["cache-control"] == "no-cache"


def test_an_unchanged_file_is_304(site: Caller) -> None:
    tag = site.get("/").headers["etag"]
    for asked in (tag, f'"x", W/{tag}'):
        answer = site.get("/", headers={"If-None-Match": asked})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert site.get("/", headers={"If-None-Match": '"x"'}).status_code == 200


def test_a_changed_file_is_served_anew(site: Caller, folder: Path) -> None:
    before = site.get("/icon.svg")
    (folder / "icon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'><g/></svg>")
    after = site.get("/icon.svg")
    assert "<g/>" in after.text
    assert after.headers["etag"] != before.headers["etag"]


def test_large_files_are_compressed_for_those_who_take_it(site: Caller) -> None:
    packed = site.get("/app/index-B1x_9zQa.js", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(SCRIPT)
    plain = site.get("/app/index-B1x_9zQa.js", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert packed.text == plain.text == SCRIPT


@pytest.mark.parametrize(
    "path", ["/plans", "/targets/light_2026.warmth", "/assets", "/assets/lamp-1", "/a/b/c", "/%E5%9F%8E"]
)
def test_an_address_of_the_web_app_is_its_first_page(site: Caller, path: str) -> None:
    answer = site.get(path, headers=HTML)
    assert (answer.status_code, answer.text) == (200, "<!doctype html><title>城</title>")


@pytest.mark.parametrize("path", ["/app/gone-12345678.js", "/gone.png", "/api/gone"])
def test_a_file_that_is_not_there_is_404_and_not_the_first_page(site: Caller, path: str) -> None:
    check_problem(site.get(path), 404, "not_found")


@pytest.mark.parametrize(
    "path",
    ["/..%2fsecret.txt", "/app/..%2f..%2fsecret.txt", "/%2fetc%2fpasswd", "/leak.txt", "/%00", "/" + "x" * 5000],
)
def test_nothing_outside_the_folder_is_served(site: Caller, path: str) -> None:
    answer = site.get(path)
    assert "not for you" not in answer.text
    assert "root:" not in answer.text
    assert answer.status_code in (200, 404)


def test_the_site_takes_no_other_methods(site: Caller) -> None:
    assert check_problem(site.post("/plans"), 405, "method_not_allowed")["hint"] == "it takes GET, HEAD"
    assert site.request("HEAD", "/plans").status_code == 200


def test_without_a_built_app_a_page_says_how_to_build_it(build: Any, portal: Any, tmp_path: Path) -> None:
    caller = Caller(build(False, static=tmp_path / "none"), portal)
    answer = caller.get("/")
    assert answer.status_code == 200
    assert "make web" in answer.text
    assert caller.get("/api/health").status_code == 200


@pytest.mark.parametrize("path", ["/", "/app/index-B1x_9zQa.js", "/api/health", "/api/nothing", "/api/docs"])
def test_every_answer_bears_the_headers_that_keep_it_in_its_house(site: Caller, path: str) -> None:
    headers = site.get(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["worker-src"] == "'self' blob:"
    assert "script-src" not in policy  # as default-src: neither inline nor eval
    assert not any("http" in sources or "*" in sources for sources in policy.values())
    assert headers["x-content-type-options"] == "nosniff"


def test_large_answers_are_compressed_for_those_who_take_it_and_say_the_same(client: Caller) -> None:
    url = "/api/streams/lamp-1.trial.warmth/observations?points=2000"
    packed = client.get(url, headers={"Accept-Encoding": "gzip, br"})
    plain = client.get(url, headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json() == plain.json()
    assert int(packed.headers["content-length"]) < len(gzip.compress(plain.content, 1)) * 2
    assert client.get("/api/city", headers={"Accept-Encoding": "gzip"}).headers.get("content-encoding") is None
