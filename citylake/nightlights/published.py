"""Published built-up areas 建成区面积: what was published by whom, for which part of a city, and which figure to take.

Figures conflict on purpose: ``published_built_up_area.csv`` beside this keeps all of them, each with publisher, scope
and source. What is taken is chosen by rule and named in what comes of it; nothing is averaged or filled in.
"""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from citylake.lake.errors import UsageError

PUBLISHED = Path(__file__).with_name("published_built_up_area.csv")
SCOPES = ("municipal_districts", "central_area", "prefecture")
"""市区, 中心城区, 市域."""
SCHEMA = {
    "region_code": pl.String,
    "region_name_zh": pl.String,
    "year": pl.Int32,
    "built_up_km2": pl.Float64,
    "scope": pl.String,
    "publisher": pl.String,
    "source": pl.String,
    "note": pl.String,
}
_KEY = ("region_code", "year")


@dataclass(frozen=True)
class Preference:
    """Which of several figures of one city and year to take."""

    scopes: tuple[str, ...] = ("municipal_districts", "central_area")
    """In order of preference; a figure of another scope is never taken."""
    publishers: tuple[str, ...] = ()
    """In order of preference within a scope; empty: any, as long as they agree."""


def read_published(path: Path = PUBLISHED) -> pl.DataFrame:
    """All figures of a file, by city, year, scope and publisher.

    Raises UsageError, naming the lines, for a scope that is unknown, an area that is none, or a figure given twice.
    """
    try:
        texts = pl.read_csv(path, infer_schema=False)
        table = texts.select(pl.col(name).cast(kind) for name, kind in SCHEMA.items()).with_row_index("line", offset=2)
    except (OSError, pl.exceptions.PolarsError) as problem:
        raise UsageError(
            f"{path} 无法读取。 It cannot be read as a table of {', '.join(SCHEMA)}: {problem}"
        ) from problem
    wrong = {
        f"范围未知 an unknown scope; known are {', '.join(SCOPES)}": ~pl.col("scope").is_in(SCOPES),
        "面积须为正数 the area must be above 0": ~(pl.col("built_up_km2") > 0),
        "缺少区划代码、年份或发布者 no region code, year or publisher": pl.any_horizontal(
            pl.col(*_KEY, "publisher").is_null()
        ),
        "重复 a figure given twice": pl.struct(*_KEY, "scope", "publisher").is_duplicated(),
    }
    for reason, condition in wrong.items():
        lines = table.filter(condition.fill_null(value=True))["line"].to_list()
        if lines:
            raise UsageError(f"{path.name}, 第 {lines} 行 line {', '.join(map(str, lines))}: {reason}.")
    return table.drop("line").sort(*_KEY, "scope", "publisher")


def choose(published: pl.DataFrame, preference: Preference) -> pl.DataFrame:
    """One figure a city and year, by preference: the columns of :data:`SCHEMA`.

    Raises UsageError where two figures are preferred alike and differ: which one is right is nobody's guess.
    """
    torn = conflicting(published, preference)
    if torn.height:
        told = "; ".join(f"{row['region_name_zh']} {row['year']}: {row['publisher']} {row['built_up_km2']}"
                         for row in torn.to_dicts())  # fmt: skip
        raise UsageError(
            f"公布数据互相矛盾，请指定发布者。 Published figures conflict: {told}. Name the publishers to prefer."
        )
    return _preferred(published, preference).unique(_KEY, keep="first", maintain_order=True)


def conflicting(published: pl.DataFrame, preference: Preference) -> pl.DataFrame:
    """Figures of one city and year that are preferred alike and differ."""
    return _preferred(published, preference).filter(pl.col("built_up_km2").n_unique().over(_KEY) > 1)


def _preferred(published: pl.DataFrame, preference: Preference) -> pl.DataFrame:
    """The figures of each city and year that are preferred most."""
    wanted = published.filter(pl.col("scope").is_in(preference.scopes))
    if preference.publishers:
        wanted = wanted.filter(pl.col("publisher").is_in(preference.publishers))
    ranked = wanted.with_columns(
        rank=_place(pl.col("scope"), preference.scopes) * (len(preference.publishers) + 1)
        + _place(pl.col("publisher"), preference.publishers)
    )
    return ranked.filter(pl.col("rank") == pl.col("rank").min().over(_KEY)).drop("rank")


def _place(value: pl.Expr, order: tuple[str, ...]) -> pl.Expr:
    if not order:
        return pl.lit(0)
    return value.replace_strict({name: place for place, name in enumerate(order)}, default=len(order))
