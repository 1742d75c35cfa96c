"""What people decide about pairs of mentions: kept for good, the last word counts, and the next night obeys.

Rows are only added. Whoever decides is the account that runs the command.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

import duckdb
import polars as pl

from citylake.contracts.mentions import KINDS, Kind
from citylake.identity.clustering import components
from citylake.identity.restricted import open_identity
from citylake.lake.account import whoami
from citylake.lake.attach import open_lakes
from citylake.lake.errors import UsageError
from citylake.lake.lock import writer_lock
from citylake.lake.settings import Settings

Word = Literal["same", "different", "unsure"]
WORDS: tuple[Word, ...] = get_args(Word)
_SHOWN = 12
"""Characters of a mention's key that people are shown: 48 bits, so that even of ten million mentions hardly two begin
alike; where two do, more of the key must be given."""
_MARK = "r"
"""What a reference begins with: no spreadsheet takes it for a number, as it would 318445812e69."""
_SHORTEST = 6

# Pairs that were told apart although others of them were told to be one, step by step.
_CONTRADICTIONS = """
select word.left_key, word.right_key
from word
inner join same_component as here on word.left_key = here.id
inner join same_component as other on word.right_key = other.id and here.component = other.component
where word.decision = 'different'
order by all
"""
_WORDS = """
create or replace temp table word as
select left_key, right_key, arg_max(decision, decided_at) as decision, arg_max(why, decided_at) as why
from vault.identity.decision
where kind = ?
group by left_key, right_key
"""


@dataclass(frozen=True)
class Pair:
    """Two mentions of one kind, in the order of their keys."""

    kind: Kind
    left_key: str
    right_key: str

    @property
    def references(self) -> str:
        """How people are shown the pair, and may give it back."""
        return f"{reference_of(self.left_key)} {reference_of(self.right_key)}"


@dataclass(frozen=True)
class Decided:
    """One decision that is to be kept."""

    pair: Pair
    word: Word
    why: str


@dataclass(frozen=True)
class Kept:
    """What became of some decisions."""

    recorded: int
    repeated: int
    """The same word for the same reason as the last one on that pair: not written again."""
    contradictions: list[Pair]
    """Pairs that are decided to be different, while other decisions lead from the one to the other: those that these
    decisions brought about or are on, not what was said of others before."""


def reference_of(key: str) -> str:
    """How people are shown a mention: short, and telling nothing."""
    return _MARK + key[:_SHOWN]


def as_references(keys: pl.Expr) -> pl.Expr:
    """A column of mentions' keys as people are shown them."""
    return pl.lit(_MARK) + keys.str.head(_SHOWN)


def _begin(reference: str) -> str:
    return reference.strip().lower().removeprefix(_MARK)


def find_pair(settings: Settings, left: str, right: str) -> Pair:
    """The pair that two references name. Raises UsageError when one names no mention or several, or both name one."""
    with open_identity(settings) as connection:
        found = find_mentions(connection, [left, right])
    kinds = []
    for reference in (left, right):
        matches = found.get(reference, [])
        if len(matches) != 1:
            raise UsageError(problem_of(reference, len(matches)))
        kinds.append(matches[0])
    return pair_of(kinds[0], kinds[1])


def pair_of(one: tuple[Kind, str], other: tuple[Kind, str]) -> Pair:
    """Two mentions as a pair. Raises UsageError unless they are two, and of one kind."""
    if one[0] != other[0]:
        raise UsageError("一个是自然人，一个是法人。 One of them is a person, the other an entity.")
    if one[1] == other[1]:
        raise UsageError("两个引用指同一条记录。 Both references name the same record.")
    left, right = sorted((one[1], other[1]))
    return Pair(one[0], left, right)


def problem_of(reference: str, matches: int) -> str:
    """What is wrong with a reference that does not name exactly one mention."""
    if len(_begin(reference)) < _SHORTEST:
        return f"{reference} 太短。 {reference} is too short: give at least {_SHORTEST} characters after the {_MARK}."
    if matches:
        return f"{reference} 不唯一。 {reference} begins {matches} records' references: give more of it."
    return f"没有 {reference} 这条记录。 No record in force has the reference {reference}: see citylake review."


def find_mentions(
    connection: duckdb.DuckDBPyConnection, references: Sequence[str]
) -> dict[str, list[tuple[Kind, str]]]:
    """The mentions in force that each reference, or beginning of a key, may mean."""
    wanted = sorted({begin for one in references if len(begin := _begin(one)) >= _SHORTEST})
    connection.register("reference", pl.DataFrame({"begin": wanted}, schema={"begin": pl.String}))
    found: dict[str, list[tuple[Kind, str]]] = {}
    for kind in KINDS:
        rows = connection.execute(
            f"""
            select begin, mention_key from vault.identity.{kind}_mention inner join reference
            on left(mention_key, {_SHORTEST}) = left(begin, {_SHORTEST}) and starts_with(mention_key, begin)
            """
        ).fetchall()
        for begin, key in rows:
            found.setdefault(begin, []).append((kind, key))
    connection.unregister("reference")
    return {one: found[_begin(one)] for one in references if _begin(one) in found}


def keep_decisions(settings: Settings, decided: Sequence[Decided]) -> Kept:
    """Add decisions, all or none, under the writer's lock. Raises UsageError when one gives no reason."""
    for one in decided:
        if not one.why.strip():
            raise UsageError(f"请说明理由。 Say why: {one.pair.references} has no reason.")
    with writer_lock(settings, "review decide"), open_lakes(settings, ("vault",)) as connection:
        recorded, contradictions = 0, []
        connection.execute("begin")
        for kind in KINDS:
            ours = [one for one in decided if one.pair.kind == kind]
            if ours:
                known, pairs = find_contradictions(connection, kind), {one.pair for one in ours}
                recorded += _keep(connection, kind, ours)
                found = find_contradictions(connection, kind)
                contradictions += [pair for pair in found if pair in pairs or pair not in known]
        connection.execute("commit")
    return Kept(recorded, len(decided) - recorded, contradictions)


def find_contradictions(connection: duckdb.DuckDBPyConnection, kind: Kind) -> list[Pair]:
    """Pairs told apart that decisions "same" hold together; the next night sets those of them aside."""
    connection.execute(_WORDS, [kind])
    connection.execute(
        "create or replace temp table same_word as select left_key as a, right_key as b from word "
        "where decision = 'same'"
    )
    components(connection, "same_word", "same_component")
    return [Pair(kind, left, right) for left, right in connection.execute(_CONTRADICTIONS).fetchall()]


def _keep(connection: duckdb.DuckDBPyConnection, kind: Kind, decided: Sequence[Decided]) -> int:
    connection.execute(_WORDS, [kind])
    rows: list[dict[str, Any]] = [
        {
            "left_key": one.pair.left_key,
            "right_key": one.pair.right_key,
            "decision": one.word,
            "why": one.why.strip(),
        }
        for one in decided
    ]
    connection.register("said", pl.DataFrame(rows))
    connection.execute(
        "create or replace temp table fresh_word as "
        "select * from said anti join word using (left_key, right_key, decision, why)"
    )
    connection.execute(
        """
        insert into vault.identity.decision (kind, left_key, right_key, decision, decided_at, decided_by, why)
        select $kind, left_key, right_key, decision, $at, $by, why from fresh_word
        """,
        {"kind": kind, "at": _next_instant(connection, kind), "by": whoami()},
    )
    connection.unregister("said")
    row = connection.execute("select count(*) from fresh_word").fetchone()
    return row[0] if row else 0


def _next_instant(connection: duckdb.DuckDBPyConnection, kind: Kind) -> datetime:
    """Now; after the last word whatever the clock says, for the order of words is what counts."""
    row = connection.execute("select max(decided_at) from vault.identity.decision where kind = ?", [kind]).fetchone()
    now = datetime.now(UTC)
    last = row[0] if row else None
    return now if last is None else max(now, last + timedelta(microseconds=1))
