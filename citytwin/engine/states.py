"""Which state does a word mean? Streams with `choices` take words and codes, and store codes; all others take numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from citytwin.engine.twin import Twin
from citytwin.kernel.stream import StreamType, stream_parts

Refuse = Callable[[np.ndarray, Any, str], None]


def coded(
    twin: Twin,
    table: pa.Table,
    names: Sequence[str],
    index: np.ndarray,
    value: np.ndarray,
    empty: np.ndarray,
    refuse: Refuse,
) -> tuple[np.ndarray, np.ndarray]:
    """Values with the codes of words in their places, and which are empty; rows with a word or a number that is no state are refused."""
    kinds = {
        i: kind
        for i, name in enumerate(names)
        if name not in twin.registered and (kind := twin.streams.get(stream_parts(name or "")[1])) and kind.choices
    }
    if "word" in table.column_names:
        value, empty = value.copy(), empty.copy()
        word = table["word"].combine_chunks()
        word = (pa.concat_arrays(word.chunks) if isinstance(word, pa.ChunkedArray) else word).dictionary_encode()
        words: list[str] = word.dictionary.to_pylist()
        said = word.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        pair = np.where(said >= 0, index * max(len(words), 1) + said, -1)
        for p in np.unique(pair[said >= 0]).tolist():
            stream, text = p // len(words), words[p % len(words)]
            here = pair == p
            kind = kinds.get(stream)
            code = kind.code(text) if kind else None
            if code is None:
                refuse(here, f"value is {text[:60]!r}", _known(kind) if kind else "a number")
            else:
                value[here], empty[here] = code, False
    for stream, kind in kinds.items():
        wrong = (index == stream) & ~empty & ~np.isin(value, [c.code for c in kind.choices])
        if wrong.any():
            refuse(wrong, lambda r: f"value is {value[r]:g}, which is no state of this stream", _known(kind))
    return value, empty


def _known(kind: StreamType) -> str:
    return f"one of: {', '.join(f'{c.id} ({c.code})' for c in kind.choices)}"


def titled(twin: Twin) -> pa.Table:
    """Every state there is: stream_type, code, word."""
    rows = [(id, float(c.code), c.id) for id, kind in twin.streams.items() for c in kind.choices]
    schema = pa.schema([("stream_type", pa.string()), ("code", pa.float64()), ("word", pa.string())])
    return pa.table([[r[k] for r in rows] for k in range(3)], schema=schema)
