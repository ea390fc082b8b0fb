"""What went wrong? One family of errors: what happened, what to do, and where."""

from __future__ import annotations

from dataclasses import dataclass, field


class CityTwinError(Exception):
    """What happened (`message`), what to do (`hint`) and where (`file:line` or an id)."""

    code = "error"

    def __init__(self, message: str, hint: str = "", where: str = "", faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where
        self.faults = faults

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.message}{hint}"


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One fault of a declaration or a batch: `where: CODE message (hint)`."""

    where: str
    code: str = field(compare=False)
    message: str = field(compare=False)
    hint: str = field(compare=False, default="")

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.where}: {self.code} {self.message}{hint}"


class NotFound(CityTwinError):
    """The id names nothing here."""

    code = "not_found"


class BadRequest(CityTwinError):
    """A parameter or a body is not what this place takes."""

    code = "bad_request"


class BadBatch(CityTwinError):
    """A batch of readings has rows that cannot be accepted; `faults` names each row."""

    code = "bad_batch"


class BadDeclaration(CityTwinError):
    """A pack, plan or city file is malformed; `faults` names each place."""

    code = "bad_declaration"


class Conflict(CityTwinError):
    """The request contradicts what is already recorded."""

    code = "conflict"


class UnitMismatch(CityTwinError):
    """Two units do not measure the same dimension."""

    code = "unit_mismatch"


class StoreBusy(CityTwinError):
    """Another process owns the embedded store, or too much waits for it."""

    code = "store_busy"


class StoreFailed(CityTwinError):
    """The store could not write; nothing of this request was recorded."""

    code = "store_failed"


class TooLarge(CityTwinError):
    """The body or the answer is larger than this place takes."""

    code = "too_large"


class Unsupported(CityTwinError):
    """The media type or method is not one this place takes."""

    code = "unsupported"


class SourceFailed(CityTwinError):
    """A source of readings could not be asked, or its answer is none; it is asked again, no sooner than after `after_s` seconds."""

    code = "source_failed"
    after_s: float = 0.0


class Unauthorized(CityTwinError):
    """Nobody knows who asks."""

    code = "unauthorized"


class Forbidden(CityTwinError):
    """Whoever asks may not do this."""

    code = "forbidden"


class TooMany(CityTwinError):
    """Somebody asks too often; `wait_s` is after how many seconds they may go on."""

    code = "too_many"

    def __init__(
        self, message: str, hint: str = "", where: str = "", faults: tuple[Fault, ...] = (), wait_s: float = 30.0
    ) -> None:
        super().__init__(message, hint, where, faults)
        self.wait_s = wait_s
