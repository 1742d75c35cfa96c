"""The pairs that people must look at, with their evidence; pairs drawn for measuring; both as files to work through.

All of it names people: what is read here may leave the vault only for its owner's eyes.
"""

import secrets
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import duckdb
import polars as pl

from citylake.contracts.mentions import KINDS, Kind
from citylake.identity.decisions import (
    WORDS,
    Decided,
    Kept,
    Pair,
    Word,
    as_references,
    find_mentions,
    keep_decisions,
    pair_of,
    problem_of,
)
from citylake.identity.model_versions import model_in_force
from citylake.identity.restricted import open_identity
from citylake.identity.sampling import draw
from citylake.identity.waterfall import weigh
from citylake.lake.account import whoami
from citylake.lake.attach import open_lakes
from citylake.lake.errors import UsageError
from citylake.lake.lock import writer_lock
from citylake.lake.settings import Settings
from citylake.lake.spreadsheets import read_table, write_table

# What was decided is asked no more, but that decisions contradict each other.
_OPEN = """
select pair.left_key, pair.right_key, pair.reason, pair.match_weight, pair.first_run_id
from vault.identity.review_pair as pair
where
    pair.kind = $kind
    and ($reason is null or pair.reason = $reason)
    and (
        pair.reason = 'contradictory_decisions'
        or (pair.left_key, pair.right_key) not in (
            select (left_key, right_key) from vault.identity.decision where kind = $kind
        )
    )
order by pair.match_weight desc nulls first, pair.left_key, pair.right_key
"""
_LEFT, _RIGHT, _WORD, _WHY = "左 Left", "右 Right", "决定 Decision", "理由 Why"
_SPOKEN: dict[str, Word] = {"相同": "same", "不同": "different", "不确定": "unsure"}
_ASKED = "same / different / unsure"
_PROBLEMS_SHOWN = 20


@dataclass(frozen=True)
class Reviewed:
    """A file of decisions that was read, line by line."""

    lines: int
    undecided: int
    unsaid: tuple[int, ...]
    """Lines with a reason and no decision: among the undecided, and perhaps a slip."""
    kept: Kept


def open_pairs(settings: Settings, kind: Kind | None = None, reason: str | None = None) -> pl.DataFrame:
    """Pairs nobody has decided about: kind, left_key, right_key, reason, match_weight, first_run_id; hardest first."""
    with open_identity(settings) as connection:
        return _open(connection, kind, reason)


def _open(connection: duckdb.DuckDBPyConnection, kind: Kind | None, reason: str | None) -> pl.DataFrame:
    found = [
        connection.execute(_OPEN, {"kind": one, "reason": reason}).pl().with_columns(pl.lit(one).alias("kind"))
        for one in KINDS
        if kind in (None, one)
    ]
    return pl.concat(found)


def evidence(settings: Settings, pairs: pl.DataFrame) -> pl.DataFrame:
    """The waterfall of each pair, with its kind (see :func:`waterfall.weigh`); left out whom no record names now."""
    with open_identity(settings) as connection:
        found = [
            weigh(connection, kind, model_in_force(settings, kind), ours).with_columns(pl.lit(kind).alias("kind"))
            for kind in KINDS
            if (ours := pairs.filter(pl.col("kind") == kind)).height
        ]
    return pl.concat(found) if found else pl.DataFrame()


def draw_sample(settings: Settings, kind: Kind, size: int) -> pl.DataFrame:
    """Draw pairs at random by strata of weight and keep that they were drawn; columns as of :func:`open_pairs`.

    Pairs drawn before with this model are not drawn again. Raises UsageError when there is nothing to draw from.
    """
    with open_identity(settings):
        pass  # Whoever may not read is told so before anything is locked.
    model = model_in_force(settings, kind)
    with writer_lock(settings, "review --sample"), open_lakes(settings, ("vault",)) as connection:
        connection.execute("begin")
        drawn = draw(connection, kind, model, size, seed=secrets.randbits(63), by=whoami(), at=datetime.now(UTC))
        connection.execute("commit")
    if drawn.is_empty():
        raise UsageError(
            f"没有可抽取的{kind}对。 There is no {kind} pair left to draw: none was scored, or all were drawn before."
        )
    return drawn.select(
        "left_key",
        "right_key",
        pl.lit("sample").alias("reason"),
        "match_weight",
        pl.lit(None, pl.String).alias("first_run_id"),
        pl.lit(kind).alias("kind"),
    )


def sampled_pairs(settings: Settings, kind: Kind | None = None) -> pl.DataFrame:
    """Pairs that were drawn and that nobody has decided about; columns as of :func:`open_pairs`."""
    with open_identity(settings) as connection:
        return connection.execute(
            """
            select left_key, right_key, 'sample' as reason, arg_max(match_weight, drawn_at) as match_weight,
                null::varchar as first_run_id, kind
            from vault.identity.review_sample
            where ($kind is null or kind = $kind) and (kind, left_key, right_key) not in (
                select (kind, left_key, right_key) from vault.identity.decision
            )
            group by kind, left_key, right_key
            order by hash(left_key, right_key)
            """,
            {"kind": kind},
        ).pl()


def export_pairs(settings: Settings, pairs: pl.DataFrame, file: Path) -> int:
    """Write pairs with their evidence, a line each, and empty cells for decision and reason. Returns the lines.

    A pair drawn for measuring stands there without its weight: whoever decides must not be told what linking thinks.
    """
    fields = evidence(settings, pairs)
    drawn = pl.col("reason") == "sample"
    table = pairs.select(
        pl.col("left_key").pipe(as_references).alias(_LEFT),
        pl.col("right_key").pipe(as_references).alias(_RIGHT),
        pl.lit("").alias(_WORD),
        pl.lit("").alias(_WHY),
        pl.col("kind").alias("对象 Kind"),
        pl.col("reason").alias("原因 Reason"),
        pl.when(~drawn).then(pl.col("match_weight").round(1)).alias("权重 Weight"),
        "left_key",
        "right_key",
        "kind",
        drawn.alias("is_drawn"),
    )
    for field in fields["field"].unique(maintain_order=True) if fields.height else ():
        if field == "prior":
            continue
        cells = fields.filter(pl.col("field") == field).select(
            "kind",
            "left_key",
            "right_key",
            pl.col("left_value").alias(f"{field} left"),
            pl.col("right_value").alias(f"{field} right"),
            pl.format("{} ({})", "level", pl.col("weight").round(1)).alias(f"{field} says"),
        )
        table = table.join(cells, on=["kind", "left_key", "right_key"], how="left", maintain_order="left")
    says = [name for name in table.columns if name.endswith(" says")]
    blind = [pl.when(~pl.col("is_drawn")).then(pl.col(name)).alias(name) for name in says]
    write_table(table.with_columns(blind).drop("left_key", "right_key", "kind", "is_drawn"), file)
    return table.height


def import_decisions(settings: Settings, file: Path) -> Reviewed:
    """Keep the decisions of a file that :func:`export_pairs` wrote and people filled in: all of them, or none.

    A line without a decision is left for later. Raises UsageError that names every line that cannot be taken.
    """
    table = read_table(file)
    missing = [name for name in (_LEFT, _RIGHT, _WORD, _WHY) if name not in table.columns]
    if missing:
        raise UsageError(
            f"{file} 缺少列 {'、'.join(missing)}。 {file} lacks the columns {', '.join(missing)}: "
            "fill in what citylake review --csv writes."
        )
    rows = table.select(pl.col(_LEFT, _RIGHT, _WORD, _WHY).fill_null("").str.strip_chars()).rows()
    with open_identity(settings) as connection:
        known = find_mentions(connection, [one for row in rows for one in row[:2]])
    said: dict[Pair, tuple[int, Decided]] = {}
    problems: list[str] = []
    for line, row in enumerate(rows, 2):
        if row[2]:
            problems += _take(line, row, known, said)
    if problems:
        more = [f"…… 共 {len(problems)} 处 {len(problems)} in all"] if len(problems) > _PROBLEMS_SHOWN else []
        raise UsageError(
            "文件未导入，一行也没有。 Nothing was imported; mend these lines:\n"
            + "\n".join([*problems[:_PROBLEMS_SHOWN], *more])
        )
    kept = keep_decisions(settings, [decided for _, decided in said.values()]) if said else Kept(0, 0, [])
    unsaid = tuple(line for line, row in enumerate(rows, 2) if row[3] and not row[2])
    return Reviewed(len(rows), sum(not row[2] for row in rows), unsaid, kept)


def _take(
    line: int,
    row: tuple[Any, ...],
    known: dict[str, list[tuple[Kind, str]]],
    said: dict[Pair, tuple[int, Decided]],
) -> Iterator[str]:
    """Put a line's decision to those said, or give what is wrong with it."""
    left, right, word, why = (cast("str", cell) for cell in row)
    plain = unicodedata.normalize("NFKC", word).strip().lower()
    spoken = _SPOKEN.get(plain, plain)
    if spoken not in WORDS:
        yield f"{line}: 决定无效 the decision is none of {_ASKED}"
        return
    if not why:
        yield f"{line}: 缺少理由 no reason is given"
        return
    ends = []
    for reference in (left, right):
        matches = known.get(reference, [])
        if len(matches) != 1:
            yield f"{line}: {problem_of(reference, len(matches))}"
            return
        ends.append(matches[0])
    try:
        pair = pair_of(ends[0], ends[1])
    except UsageError as problem:
        yield f"{line}: {problem}"
        return
    before = said.get(pair)
    if before is not None and before[1].word != spoken:
        yield f"{line}: 与第 {before[0]} 行矛盾 another decision than on line {before[0]}, on the same pair"
        return
    said[pair] = (line, Decided(pair, spoken, why))
