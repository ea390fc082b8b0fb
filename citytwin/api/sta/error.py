"""Why was a URL refused? One family of errors that name the place in the URL, what was found there and what was expected."""

from __future__ import annotations

from citytwin.kernel.errors import BadRequest, CityTwinError, NotFound

SHOWN = 40
"""So many characters of what was found are repeated to the sender."""


class StaError(CityTwinError):
    """`position` counts the characters of the text as it was sent, from 0; `status` is the one the standard asks for."""

    status = 400

    def __init__(self, message: str, position: int, found: str = "", expected: str = "", hint: str = "") -> None:
        self.position = position
        self.found = found if len(found) <= SHOWN else f"{found[:SHOWN]}…"
        self.expected = expected
        told = message or f"found {self.found or 'the end'}"
        if expected:
            told = f"{told}; expected {expected}"
        super().__init__(told, hint, f"character {position}")


class Malformed(StaError, BadRequest):
    """The text is none of the language, or says what makes no sense here."""


class Absent(StaError, NotFound):
    """The path is well formed and leads to nothing."""

    status = 404


class Unserved(StaError, BadRequest):
    """The standard knows it, this place does not offer it."""

    status = 501
