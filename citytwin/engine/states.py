"""Which state does a word mean? Streams with `choices` take words and codes, and store codes; all others take numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from citytwin.engine.twin import Twin
from citytwin.kernel.stream import StreamType

Refuse = Callable[[np.ndarray, Any, str], None]


def coded(
    table: pa.Table,
    kinds: Mapping[int, StreamType],
    index: np.ndarray,
    value: np.ndarray,
    empty: np.ndarray,
    refuse: Refuse,
) -> tuple[np.ndarray, np.ndarray]:
    """Values with the codes of words in their places, and which are empty; rows with a word or a number that is no state are refused.

    `kinds` are the streams that report states, by their place among those that `index` points to.
    """
    types = list({kind.id: kind for kind in kinds.values()}.values())
    number = {kind.id: t for t, kind in enumerate(types)}
    of = np.full(int(index.max(initial=-1)) + 1, -1)
    for i, kind in kinds.items():
        if i < len(of):
            of[i] = number[kind.id]
    which = of[index]
    if "word" in table.column_names:
        value, empty = value.copy(), empty.copy()
        word = table["word"].combine_chunks()
        word = (pa.concat_arrays(word.chunks) if isinstance(word, pa.ChunkedArray) else word).dictionary_encode()
        words: list[str] = word.dictionary.to_pylist()
        said = word.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        pair = np.where(said >= 0, (which + 1) * len(words) + said, -1)
        for p in np.unique(pair[said >= 0]).tolist():
            t, text, here = p // len(words) - 1, words[p % len(words)], pair == p
            code = types[t].code(text) if t >= 0 else None
            if code is None:
                refuse(here, f"value is {text[:60]!r}", _known(types[t]) if t >= 0 else "a number")
            else:
                value[here], empty[here] = code, False
    for t, kind in enumerate(types):
        wrong = (which == t) & ~empty & ~np.isin(value, [c.code for c in kind.choices])
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
