"""Which stream does a source mean? Sources name what they measure in their own way; a point of InfluxDB has a measurement, tags and a field."""

from __future__ import annotations

from collections.abc import Mapping

from citytwin.engine.twin import Twin


def stream_of_point(twin: Twin, measurement: str, tags: Mapping[str, str], field: str) -> tuple[str, str]:
    """The stream that a point of InfluxDB is of, or '' and why there is none.

    The tag `stream` names it. Else the tag `asset` names the asset, and the stream type is `<measurement>.<field>` (pack and type), the measurement where the field is `value`, or the one
    stream type of the asset that is called like the field, or like the measurement.
    """
    if stream := tags.get("stream", ""):
        return stream, ""
    asset = tags.get("asset", "")
    if not asset:
        return "", "no tag 'stream' or 'asset' says what it is of"
    if asset not in twin.asset_types:
        return "", f"asset '{asset}' is not on record"
    for kind in (f"{measurement}.{field}", measurement):
        if kind in twin.streams and (kind != measurement or field == "value"):
            return f"{asset}.{kind}", ""
    of = [kind for kind, s in twin.streams.items() if s.asset == twin.asset_types[asset]]
    for name in (field, measurement) if field != "value" else (measurement,):
        called = [kind for kind in of if kind.partition(".")[2] == name]
        if len(called) == 1:
            return f"{asset}.{called[0]}", ""
    return "", f"no stream type of '{asset}' is called '{measurement}.{field}', '{field}' or '{measurement}'"
