"""What a linkage model is: which fields are compared how, which pairs are compared at all, and which weights decide.

The probabilistic model is that of Fellegi and Sunter (1969), estimated and applied by Splink; a weight is log2 of a
Bayes factor. A specification (``person``, ``entity``) is written by people; its parameters are estimated by
:func:`citylake.identity.linkage.train` and kept in a reviewed JSON file beside it. No SQL runs here.
"""

import json
import math
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from citylake.lake.errors import CitylakeError

Kind = Literal["person", "entity"]
FOLDER = Path(__file__).parent
OTHERWISE = "ELSE"
WEIGHT = "weight_"
"""What an edge's columns of one field's weight begin with."""


class ModelMismatch(CitylakeError):
    """A model file was trained for another specification than the one in force."""


@dataclass(frozen=True)
class Level:
    """One outcome of comparing a field. Levels are tried in order; the first whose condition holds counts."""

    label: str
    condition: str
    """SQL over ``<column>_l`` and ``<column>_r``, symmetric in the two."""
    m: float | None = None
    """How often this outcome is seen in pairs that are one; None before training."""
    u: float | None = None
    """How often this outcome is seen in pairs that are two."""
    least: float = 0.001
    """The least m that training may give: what a sample never showed happens all the same, and a synthetic one shows
    little. Without it one change of phone would outweigh everything else."""
    most: float = 1.0
    """The most m that training may give: an outcome that must outweigh what families or firms under one roof share,
    which the model takes for independent evidence."""
    least_u: float = 0.0
    """The least u, where a sample lacks a column and so would never show a coincidence."""


@dataclass(frozen=True)
class Comparison:
    """A field and its levels, the most telling first; the last one is :data:`OTHERWISE`."""

    field: str
    missing: str
    """SQL that says when the field says nothing: weight 0."""
    levels: tuple[Level, ...]
    why: str = ""
    rare: str | None = None
    """The column whose values the field takes to be rare. A mention repeated word for word is not proved to be one
    person by a value that more descriptions than ``largest_block`` have: it weighs nothing between equal mentions."""
    is_stated: bool = False
    """Whether m and u are the specification's, not learned and in no model file."""


@dataclass(frozen=True)
class Blocking:
    """Two mentions are compared if all these SQL expressions are equal and none is null, in at least one rule."""

    name: str
    columns: tuple[str, ...]
    why: str = ""
    """What the rule finds that others miss, and how many pairs it costs."""


@dataclass(frozen=True, kw_only=True)
class LinkageModel:
    """All that scoring and clustering are told about a kind of mention."""

    kind: str
    columns: dict[str, str]
    """What comparisons and blocking read: a name, and SQL over a mention. Mentions equal in all are one profile."""
    comparisons: tuple[Comparison, ...]
    blocking: tuple[Blocking, ...]
    training_blocks: tuple[str, ...]
    """SQL conditions on ``l`` and ``r`` that pairs for expectation maximisation satisfy, one session each. Together
    they leave each field free at least once."""
    prior: float
    """Probability that two mentions drawn at random are one."""
    threshold: float
    """From this weight on two mentions are one."""
    review_from: float
    """From this weight on a pair is kept as an edge; below the threshold, people look at it."""
    margin: float
    """By how much an anchor must outweigh the second best, in bits."""
    largest_block: int = 300
    """Of profiles: a value shared by more blocks nothing, and is reported."""
    largest_component: int = 60
    """Of profiles without an anchor: in a larger component only stronger edges hold."""
    apart: str | None = None
    """SQL on a mention: whether it contradicts the anchor that it carries, by the rule of ``contradictions``."""
    is_one_to_one: bool = False
    """For linking a file without duplicates to one without: the records of the first are anchors, and each takes one
    record of the second at most."""
    version: str = "untrained"
    trained_on: str = ""
    trained_date: date | None = None

    @property
    def fingerprint(self) -> str:
        """Of all that scores and clusters depend on, in the model's file and in the code."""
        return sha256(repr(self).encode()).hexdigest()

    def splink_settings(self, link_type: str = "dedupe_only") -> dict[str, Any]:
        """The settings that Splink runs with, parameters included."""
        return {
            "link_type": link_type,
            "unique_id_column_name": "mention_key",
            "additional_columns_to_retain": [],
            "probability_two_random_records_match": self.prior,
            "comparisons": [_settings_of(comparison) for comparison in self.comparisons],
            "blocking_rules_to_generate_predictions": [],
            "retain_matching_columns": False,
            "retain_intermediate_calculation_columns": True,
            "match_weight_column_prefix": WEIGHT,
            "max_iterations": 50,
        }

    @property
    def learned(self) -> tuple[Comparison, ...]:
        """The comparisons that training estimates and a model file holds."""
        return tuple(comparison for comparison in self.comparisons if not comparison.is_stated)

    @property
    def weights(self) -> tuple[str, ...]:
        """The columns of an edge that say what each field contributed."""
        return tuple(WEIGHT + comparison.field for comparison in self.comparisons)

    def with_parameters(self, found: dict[str, dict[str, tuple[float, float]]]) -> "LinkageModel":
        """This model with (m, u) by field and label. Raises ModelMismatch when they are not of these levels."""
        if {field: list(levels) for field, levels in found.items()} != {
            comparison.field: [level.label for level in comparison.levels] for comparison in self.learned
        }:
            raise ModelMismatch(
                f"The {self.kind} model file does not fit the fields and levels of the code. Train it again, or "
                "restore the file that came with this version."
            )
        comparisons = (
            comparison
            if comparison.is_stated
            else replace(
                comparison,
                levels=tuple(
                    replace(level, m=m, u=u)
                    for level, (m, u) in zip(comparison.levels, found[comparison.field].values(), strict=True)
                ),
            )
            for comparison in self.comparisons
        )
        return replace(self, comparisons=tuple(comparisons))


def save_model(model: LinkageModel, path: Path) -> None:
    """Write a model file: who reviews it sees version, origin, what decides, and for each field m and u by level."""
    content = {
        "kind": model.kind,
        "version": model.version,
        "trained_on": model.trained_on,
        "trained_date": model.trained_date.isoformat() if model.trained_date else None,
        "prior": model.prior,
        "threshold": model.threshold,
        "review_from": model.review_from,
        "margin": model.margin,
        "fields": {
            comparison.field: {level.label: {"m": level.m, "u": level.u} for level in comparison.levels}
            for comparison in model.learned
        },
    }
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def load_model(kind: str, path: Path | None = None) -> LinkageModel:
    """The model of a kind with the parameters of the file, by default those that citylake ships.

    Raises ModelMismatch when the file was trained for other fields or levels.
    """
    specification = specification_of(kind)
    content = json.loads((path or FOLDER / f"{kind}.json").read_text(encoding="utf-8"))
    parameters = {
        field: {label: (level["m"], level["u"]) for label, level in levels.items()}
        for field, levels in content["fields"].items()
    }
    decided = {name: content[name] for name in ("version", "trained_on", "prior", "threshold", "review_from", "margin")}
    trained = content["trained_date"]
    return replace(
        specification.with_parameters(parameters),
        **decided,
        trained_date=date.fromisoformat(trained) if trained else None,
    )


@cache
def specification_of(kind: str) -> LinkageModel:
    """Fields, levels and blocking rules of a kind, without parameters."""
    return import_module(f"citylake.identity.models.{kind}").SPECIFICATION


def compare(  # noqa: PLR0913  # bounds by keyword
    field: str,
    *levels: tuple[str, str],
    missing: str | None = None,
    why: str = "",
    least: dict[str, float] | None = None,
    most: dict[str, float] | None = None,
    least_u: dict[str, float] | None = None,
    rare: str | None = None,
) -> Comparison:
    """A comparison from pairs of label and condition; the rest is ``otherwise``. Bounds are by label."""
    floors, caps, floors_u = least or {}, most or {}, least_u or {}
    listed = (*levels, ("otherwise", OTHERWISE))
    return Comparison(
        field,
        missing or f"{field}_l is null or {field}_r is null",
        tuple(
            Level(
                label,
                condition,
                least=floors.get(label, Level.least),
                most=caps.get(label, Level.most),
                least_u=floors_u.get(label, Level.least_u),
            )
            for label, condition in listed
        ),
        why,
        rare,
    )


def outcome_sql(comparison: Comparison, by_label: dict[str, str], missing: str) -> str:
    """SQL for what a comparison's outcome stands for: an expression by label, and one where a side says nothing."""
    branches = " ".join(
        f"when {one.condition} then {by_label[one.label]}" for one in comparison.levels if one.condition != OTHERWISE
    )
    rest = next((by_label[one.label] for one in comparison.levels if one.condition == OTHERWISE), missing)
    return f"case when {comparison.missing} then {missing} {branches} else {rest} end"


def weight_sql(comparison: Comparison) -> str:
    """SQL for what a field weighs in a pair, in bits: log2 of m/u (Fellegi and Sunter 1969); null before training."""
    return outcome_sql(comparison, {one.label: _bits(one.m, one.u) for one in comparison.levels}, "0")


def _bits(m: float | None, u: float | None) -> str:
    return "null::double" if not m or not u else f"{math.log2(m / u)}::double"


def _settings_of(comparison: Comparison) -> dict[str, Any]:
    levels: list[dict[str, Any]] = [
        {"sql_condition": comparison.missing, "label_for_charts": "missing", "is_null_level": True}
    ]
    for level in comparison.levels:
        stated = {"m_probability": level.m, "u_probability": level.u}
        levels.append(
            {
                "sql_condition": level.condition,
                "label_for_charts": level.label,
                **{name: value for name, value in stated.items() if value is not None},
            }
        )
    return {"output_column_name": comparison.field, "comparison_levels": levels}
