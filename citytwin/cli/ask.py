"""How does the command line talk to a running server? It asks, and tells a refusal in the server's own words."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

from citytwin.kernel.errors import BadRequest, Fault, StoreBusy

keys: dict[str, str] = {}
"""By what each server that is asked knows us (URL: key)."""


def ask(url: str, query: Mapping[str, Any] | None = None, body: bytes | None = None, media: str = "") -> bytes:
    """The answer to a GET, or to a POST where there is a body. Raises BadRequest with the server's reason, StoreBusy where there is none."""
    given = urllib.parse.urlencode({k: v for k, v in (query or {}).items() if v not in (None, "")})
    headers = {"Content-Type": media} if media else {}
    if key := next((k for base, k in keys.items() if k and url.startswith(f"{base}/")), ""):
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(f"{url}?{given}" if given else url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=600) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as e:
        try:
            told = json.load(e)
            faults = tuple(
                Fault(f["where"], f["code"], f["message"], f.get("hint", "")) for f in told.get("faults", ())
            )
            raise BadRequest(told["detail"], told.get("hint", ""), told.get("where", ""), faults) from e
        except (ValueError, KeyError, TypeError):
            raise StoreBusy(f"the server at {url} answered {e.code}", "see its log", url) from e
    except (urllib.error.URLError, OSError) as e:
        raise StoreBusy(f"the server at {url} does not answer: {e}", "try again, or stop it", url) from e
