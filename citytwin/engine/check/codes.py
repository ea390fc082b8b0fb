"""What may be wrong with a pack? Every code of a fault, and what it says."""

from __future__ import annotations

CODES: dict[str, str] = {
    "LAYOUT": "A file or folder is missing, unknown, empty or not UTF-8.",
    "YAML": "A YAML file cannot be read without guessing: syntax, double keys, aliases.",
    "SCHEMA": "A declaration lacks a key, has one that nobody knows, or a value of the wrong kind.",
    "NAMES": "An id is not one, stands twice, or names nothing; or another pack is read that `uses` does not list.",
    "TABLE": "A reference table has rows of unequal length, columns without a proper name, or no `source` in every row.",
    "SQL": "A statement does not parse, reads what it may not, keeps to no span, or holds what DuckDB and PostgreSQL do not share.",
    "PYTHON": "Python of the pack cannot be parsed, imports what it may not, or raises.",
    "SCIENCE": "A formula lacks parts of its docstring, or its checked example does not hold.",
    "MODEL": "A model lacks a member, names what nobody declares, or writes what it does not declare.",
    "FEED": "A feed does not take bytes and return a Batch, or no test calls it.",
    "DEMO": "The demo gives assets, relations or readings at fault.",
    "CUT": "A demo series or an indicator gives other figures when its span is cut.",
    "FIGURE": "An indicator gives rows at fault: period, asset, double or not a number.",
    "IDLE": "Something is declared that the demo does not exercise.",
    "FLOOD": "A rule would alarm on nearly everything, nearly always: it tells nobody anything.",
    "STALE": "A generated schema or page is not what the sources say now.",
}
