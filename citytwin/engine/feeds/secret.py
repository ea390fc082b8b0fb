"""How does a secret get into a request? From the environment or a file, at the moment of asking; no message ever repeats it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from citytwin.kernel.errors import SourceFailed
from citytwin.kernel.feed import Secret

PLACE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
TIMES = ("since", "since_s", "since_ms", "until", "until_s", "until_ms")


def reveal(secret: Secret, home: Path) -> str:
    """The word itself. Raises SourceFailed where there is none."""
    if secret.env:
        word = os.environ.get(secret.env, "")
        where, hint = secret.env, f"set the environment variable {secret.env} of the server"
    else:
        where, hint = secret.file, "put the secret into the file"
        try:
            word = (home / secret.file).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as e:
            raise SourceFailed(f"the secret in {secret.file} cannot be read: {e}", hint, where) from e
    if not word or any(c in word for c in "\r\n\0"):
        raise SourceFailed("the secret is empty, or more than a line", hint, where)
    return word


def filled(text: str, values: Mapping[str, str], quoted: Callable[[str], str] = str) -> str:
    """The text with its places filled in."""
    return PLACE.sub(lambda m: quoted(values[m[1]]) if m[1] in values else m[0], text)
