"""The contract as citylake reads it: an Open Data Contract Standard v3 file, checked and reduced to what is used.

The standard's own fields are read with its own package. What the standard has no field for lies in
``customProperties``; ``custom_properties.schema.json`` beside this file lists every name and value allowed there.
Nothing here reads data: compiling a contract to expressions is the job of ``ingestion``.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

import jsonschema
import yaml
from jsonschema.exceptions import best_match
from jsonschema.protocols import Validator
from open_data_contract_standard.model import CustomProperty, DataQuality, OpenDataContractStandard, SchemaProperty
from pydantic import ValidationError

from citylake.contracts.labels import Label
from citylake.contracts.mentions import Mention, parse_mentions, problems_of
from citylake.lake.errors import UsageError

DeliveryMode = Literal["snapshot", "append", "upsert"]
Drift = Literal["freeze", "evolve"]
Severity = Literal["error", "warning"]
Classification = Literal["public", "internal", "personal", "identifier"]
LogicalType = Literal["string", "integer", "number", "boolean", "date", "timestamp", "array"]
Format = Literal["csv", "json", "xlsx", "parquet", "raster"]

_SCHEMA_FILE = Path(__file__).with_name("custom_properties.schema.json")
_EXTENSIONS: dict[Format, str] = {"csv": "csv", "json": "jsonl", "xlsx": "xlsx", "parquet": "parquet", "raster": "tif"}
_DURATION_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class InvalidContract(UsageError):
    """A contract file is not a valid Open Data Contract, or says something citylake does not know."""


@dataclass(frozen=True)
class Column:
    """One column of an extract: its heading there, its name here, and what its values must be."""

    name: str
    heading: str
    label: Label
    logical_type: LogicalType
    physical_type: str | None = None
    required: bool = False
    primary_key: bool = False
    classification: Classification = "internal"
    pattern: str | None = None
    enum: tuple[str, ...] = ()
    min_length: int | None = None
    max_length: int | None = None
    minimum: str | float | int | None = None
    maximum: str | float | int | None = None
    check: Literal["citizen_id", "uscc", "entity_code"] | None = None
    """The identifier rule that its values must pass (``citylake.contracts.identifiers``)."""
    severity: Severity = "error"
    """What a breach of type, pattern, enum, range or check means: ``error`` quarantines the row, ``warning`` keeps
    the row, nulls nothing and grades it. A missing required value is always an error."""
    description: str = ""


@dataclass(frozen=True)
class RowRule:
    """A rule over several columns: a SQL boolean expression that holds for every good row; null passes."""

    name: str
    expression: str
    reason: Label
    severity: Severity = "error"


@dataclass(frozen=True)
class Dialect:
    """How an extract is written. Declared, then verified against the bytes; never guessed."""

    format: Format
    encoding: str = "UTF-8"
    delimiter: str = ","
    """One character or several."""
    quote: str = '"'
    """The character around a field; empty where fields are never quoted."""
    escape: str | None = None
    """The character before a quote that is meant; None where such a quote is doubled."""
    sheet: str | None = None
    """Name of the sheet that is read of a workbook; None for its only one."""
    preamble_lines: int = 0
    """Lines (rows of a sheet) before the headings: a title, a date, who made it."""
    header_lines: int = 1
    """Lines (rows of a sheet) that the headings take."""
    null_values: tuple[str, ...] = ("",)
    timezone: str = "Asia/Shanghai"

    @property
    def extension(self) -> str:
        """What the names of such files end with, without the dot; ``.gz`` may follow."""
        return _EXTENSIONS[self.format]


@dataclass(frozen=True)
class Holding:
    """Which records of a dataset still hold; the others only tell what was."""

    column: str
    one_of: tuple[str, ...]
    """The values with which a record holds; one without a value does too."""
    until: str | None = None
    """The column of the last day on which it does."""


@dataclass(frozen=True)
class Contract:
    """One dataset's contract."""

    dataset: str
    """``<department>.<dataset>``"""
    version: str
    title: Label
    domain: str
    purpose: Label
    owner: Label
    """The department that answers for the data."""
    legal_basis: Label
    path: str
    """Glob of its files, relative to landing."""
    dialect: Dialect
    mode: DeliveryMode
    columns: tuple[Column, ...]
    sequence: str | None = None
    tombstone: tuple[str, str] | None = None
    """(column, value) that marks a deleted record of an upsert dataset."""
    holds: Holding | None = None
    """Which records still hold; None: all."""
    quarantine_tolerance: float = 0.0
    """Share of rows (0 to 1) that may be quarantined before the whole delivery is refused."""
    drift: Drift = "freeze"
    sharing: str = "conditional"
    max_age: timedelta = timedelta(hours=36)
    """How old the newest delivery may be before the dataset counts as late."""
    frequency: timedelta = timedelta(days=1)
    """How often an extract is promised; 0: nothing is, as of an archive that is closed."""
    row_rules: tuple[RowRule, ...] = ()
    mentions: tuple[Mention, ...] = ()
    """The persons and organisations that its records name."""
    source: Path = field(default=Path(), compare=False)

    @property
    def department(self) -> str:
        return self.dataset.split(".", 1)[0]

    @property
    def name(self) -> str:
        return self.dataset.split(".", 1)[1]

    @property
    def is_promised(self) -> bool:
        """Whether an extract is ever due."""
        return self.frequency > timedelta(0)

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.primary_key)

    def column(self, name: str) -> Column:
        """The column of that name. Raises KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


def load_contract(path: Path) -> Contract:
    """Read and check one contract file. Raises InvalidContract, naming file and reason."""
    try:
        # What the package's from_file does, parsed in C: a tenth of the time, and every command reads all contracts.
        odcs = OpenDataContractStandard(**yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))
        return _reduce(odcs, path)
    except InvalidContract:
        raise
    except (ValidationError, jsonschema.ValidationError, ValueError, KeyError, TypeError) as problem:
        reason = problem.message if isinstance(problem, jsonschema.ValidationError) else str(problem)
        raise InvalidContract(f"{path}: not a usable data contract: {reason}") from problem


@cache
def load_contracts(folder: Path) -> dict[str, Contract]:
    """All contracts under a folder by dataset, in the order of their names."""
    contracts = (load_contract(path) for path in sorted(folder.glob("*/*.odcs.yaml")))
    return {contract.dataset: contract for contract in contracts}


def find_contract(folder: Path, dataset: str) -> Contract:
    """The contract of one dataset. Raises UsageError that lists the known ones."""
    contracts = load_contracts(folder)
    if dataset not in contracts:
        raise UsageError(f"There is no contract for dataset {dataset!r}. Known datasets: {', '.join(contracts)}.")
    return contracts[dataset]


def _reduce(odcs: OpenDataContractStandard, path: Path) -> Contract:
    expected = f"{path.parent.name}.{path.name.removesuffix('.odcs.yaml')}"
    if odcs.id is None or odcs.id != expected:
        raise InvalidContract(f"{path}: its id is {odcs.id!r}, but file and folder say {expected!r}.")
    if not odcs.schema_ or len(odcs.schema_) != 1 or not odcs.servers or odcs.description is None or not odcs.team:
        raise InvalidContract(f"{path}: needs description, team, at least one server and exactly one schema object.")
    custom = _custom_properties(odcs.customProperties, "dataset")
    table, server = odcs.schema_[0], odcs.servers[0]
    tombstone, holds = custom.get("tombstone"), custom.get("holds")
    contract = Contract(
        dataset=odcs.id,
        version=str(odcs.version),
        title=Label.parse(table.businessName or odcs.name or odcs.id),
        domain=odcs.domain or "",
        purpose=Label.parse(odcs.description.purpose or ""),
        owner=Label.parse(getattr(odcs.team, "name", None) or ""),
        legal_basis=Label.parse(custom["legalBasis"]),
        path=server.path or "",
        dialect=Dialect(
            format=server.format,  # pyright: ignore[reportArgumentType]  # checked by _check
            encoding=custom.get("encoding", "UTF-8"),
            delimiter=server.delimiter or ",",
            quote=custom.get("quote", '"'),
            escape=custom.get("escape"),
            sheet=custom.get("sheet"),
            preamble_lines=custom.get("preambleLines", 0),
            header_lines=custom.get("headerLines", 1),
            null_values=tuple(custom.get("nullValues", [""])),
            timezone=custom.get("timezone", "Asia/Shanghai"),
        ),
        mode=custom["deliveryMode"],
        columns=tuple(_column(prop) for prop in table.properties or []),
        sequence=custom.get("sequence"),
        tombstone=(tombstone["column"], tombstone["value"]) if tombstone else None,
        holds=Holding(holds["column"], tuple(holds["oneOf"]), holds.get("until")) if holds else None,
        quarantine_tolerance=float(custom.get("quarantineTolerance", 0.0)),
        drift=custom.get("drift", "freeze"),
        sharing=custom.get("sharing", "conditional"),
        max_age=_promised(odcs, "latency", timedelta(hours=36)),
        frequency=_promised(odcs, "frequency", timedelta(days=1)),
        row_rules=tuple(_row_rules(table.quality or [])),
        mentions=parse_mentions(custom.get("mentions", [])),
        source=path,
    )
    _check(contract, path)
    return contract


def _column(prop: SchemaProperty) -> Column:
    custom = _custom_properties(prop.customProperties, "column")
    options: dict[str, Any] = prop.logicalTypeOptions or {}
    return Column(
        name=prop.name or "",
        heading=prop.physicalName or prop.name or "",
        label=Label.parse(prop.businessName or prop.physicalName or prop.name or ""),
        logical_type=prop.logicalType,  # pyright: ignore[reportArgumentType]  # checked by _check
        physical_type=prop.physicalType,
        required=bool(prop.required or prop.primaryKey),
        primary_key=bool(prop.primaryKey),
        classification=prop.classification or "internal",  # pyright: ignore[reportArgumentType]
        pattern=options.get("pattern"),
        enum=tuple(str(item.value) for item in prop.enum or ()),
        min_length=options.get("minLength"),
        max_length=options.get("maxLength"),
        minimum=options.get("minimum"),
        maximum=options.get("maximum"),
        check=custom.get("check"),
        severity=custom.get("severity", "error"),
        description=prop.description or "",
    )


def _row_rules(quality: list[DataQuality]) -> Iterator[RowRule]:
    for rule in quality:
        if rule.type != "custom" or rule.engine != "citylake" or not isinstance(rule.implementation, str):
            raise InvalidContract(f"row rule {rule.name!r}: type custom, engine citylake and one expression are needed")
        yield RowRule(
            name=rule.name or "",
            expression=rule.implementation,
            reason=Label.parse(rule.description or rule.name or ""),
            severity="warning" if rule.severity == "warning" else "error",
        )


def _promised(odcs: OpenDataContractStandard, name: str, default: timedelta) -> timedelta:
    for promise in odcs.slaProperties or []:
        if promise.property == name:
            return timedelta(**{_DURATION_UNITS[promise.unit or "h"]: float(str(promise.value))})
    return default


def _custom_properties(properties: list[CustomProperty] | None, level: Literal["dataset", "column"]) -> dict[str, Any]:
    values = {prop.property or "": prop.value for prop in properties or []}
    problem = best_match(_custom_schema(level).iter_errors(values))
    if problem is not None:
        raise problem
    return values


@cache
def _custom_schema(level: Literal["dataset", "column"]) -> Validator:
    schema = json.loads(_SCHEMA_FILE.read_text(encoding="utf-8"))["properties"][level]
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def _check(contract: Contract, path: Path) -> None:
    names = [column.name for column in contract.columns]
    headings = [column.heading for column in contract.columns]
    problems = [
        (len(set(names)) < len(names) or len(set(headings)) < len(headings), "two columns share a name or a heading"),
        (contract.dialect.format not in _EXTENSIONS, f"format {contract.dialect.format!r} cannot be read"),
        (contract.mode == "upsert" and not contract.key, "an upsert dataset needs a primary key"),
        (contract.sequence is not None and contract.sequence not in names, "the sequence is not a column"),
        (contract.tombstone is not None and contract.tombstone[0] not in names, "the tombstone is not a column"),
        (
            contract.holds is not None and not {contract.holds.column, contract.holds.until or names[0]} <= set(names),
            "what holds is said by a column that there is not",
        ),
        (
            any(c.logical_type not in LogicalType.__args__ for c in contract.columns),  # pyright: ignore[reportAttributeAccessIssue]
            "a column has a logicalType that citylake does not read",
        ),
        (
            any(c.classification not in Classification.__args__ for c in contract.columns),  # pyright: ignore[reportAttributeAccessIssue]
            "a column has an unknown classification",
        ),
        *((True, reason) for reason in problems_of(contract.mentions, names)),
    ]
    for is_broken, reason in problems:
        if is_broken:
            raise InvalidContract(f"{path}: {reason}.")
