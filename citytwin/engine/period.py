"""Which period? Whole hours, days, months and years in the city's zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from citytwin.kernel.indicator import Period


def start(moment: datetime, every: Period, zone: str) -> datetime:
    """The beginning (UTC) of the period that holds `moment`, by the clock of `zone`."""
    local = moment.astimezone(ZoneInfo(zone)).replace(minute=0, second=0, microsecond=0)
    if every != "hour":
        local = local.replace(hour=0)
    if every in ("month", "year"):
        local = local.replace(day=1)
    if every == "year":
        local = local.replace(month=1)
    return local.astimezone(UTC)


def end(moment: datetime, every: Period, zone: str) -> datetime:
    """The end (UTC, exclusive) of the period that holds `moment`: the beginning of the next one."""
    first = start(moment, every, zone)
    if every == "hour":
        return first + timedelta(hours=1)
    # a period and a bit after its own beginning always lies in the next one, daylight saving included
    reach = {"day": timedelta(hours=36), "month": timedelta(days=35), "year": timedelta(days=370)}[every]
    return start(first + reach, every, zone)
