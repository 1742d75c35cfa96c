"""Which department is believed first for which attribute: the reviewed file, read and checked.

``source_priority.csv`` is reviewed like code. Its columns: ``kind`` (person, entity), ``attribute`` (one of
:data:`ATTRIBUTES`), ``dataset``, ``rank`` (1 is believed first; each rank once an attribute), ``max_age_days`` (a value
from an older extract yields to any that is not too old; empty: age does not matter), ``note`` (why, in both languages).
A dataset that is not listed for an attribute is not asked for it. How a value is chosen is in ``sources``.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Literal

import polars as pl

from citylake.lake.errors import CitylakeError

Kind = Literal["person", "entity"]
KINDS: tuple[Kind, ...] = ("person", "entity")
ATTRIBUTES: dict[Kind, tuple[str, ...]] = {
    "person": ("name", "birth_date", "sex_code", "region_code", "address", "phone"),
    "entity": ("name", "region_code", "address", "representative"),
}
"""The attributes that a source can win, as the mentions call them."""
PRIORITY_FILE = Path(__file__).with_name("source_priority.csv")
_AGELESS = ("person", "region_code")
_SCHEMA = {
    "kind": pl.String,
    "attribute": pl.String,
    "dataset": pl.String,
    "rank": pl.Int32,
    "max_age_days": pl.Int32,
    "note": pl.String,
}


class InvalidPriority(CitylakeError):
    """The file that says which source is believed first cannot be used; nothing was chosen by it."""


def read_priorities(datasets: Collection[str], path: Path = PRIORITY_FILE) -> pl.DataFrame:
    """The priorities: kind, attribute, dataset, rank, max_age_days (null: any age), note; by kind, attribute, rank.

    ``datasets`` are those that have a contract. Raises InvalidPriority, naming the file's line and what is wrong.
    """
    try:
        texts = pl.read_csv(path, infer_schema=False)
        table = texts.select(pl.col(name).cast(kind) for name, kind in _SCHEMA.items())
    except (OSError, pl.exceptions.PolarsError) as problem:
        raise InvalidPriority(
            f"{path} 无法读取。 It cannot be read as a table of {', '.join(_SCHEMA)}: {problem}"
        ) from problem
    table = table.with_row_index("line", offset=2)
    _check(table, datasets, path)
    return table.drop("line").sort("kind", "attribute", "rank")


def _check(table: pl.DataFrame, datasets: Collection[str], path: Path) -> None:
    attribute = pl.concat_str("kind", pl.lit("."), "attribute")
    known = [f"{kind}.{name}" for kind, names in ATTRIBUTES.items() for name in names]
    wrong = {
        f"未知属性 unknown attribute; known are {', '.join(known)}": ~attribute.is_in(known),
        "未知数据集 a dataset without a contract": ~pl.col("dataset").is_in(list(datasets)),
        "次序须为自 1 起的整数 the rank must be a whole number from 1 on": pl.col("rank").fill_null(0) < 1,
        "次序重复 a rank that occurs twice for one attribute": pl.struct("kind", "attribute", "rank").is_duplicated(),
        "数据集重复 a dataset that occurs twice for one attribute": (
            pl.struct("kind", "attribute", "dataset").is_duplicated()
        ),
        "期限须为正数 max_age_days must be above 0": pl.col("max_age_days").fill_null(1) < 1,
        "此属性有历史，不设期限 this attribute has a history (dim_person_version), which knows of no age": (
            (attribute == ".".join(_AGELESS)) & pl.col("max_age_days").is_not_null()
        ),
    }
    for reason, condition in wrong.items():
        broken = table.filter(condition.fill_null(value=True))
        if broken.height:
            lines = ", ".join(str(line) for line in broken["line"])
            raise InvalidPriority(f"{path.name}, 第 {lines} 行 line {lines}: {reason}.")
