"""What departments say otherwise than the source that counts, with the values: for the steward in the restricted zone.

How it comes about is in ``sources``. Everything here names people: nothing of it may leave the owner's hands.
"""

import os
from pathlib import Path

import polars as pl

from citylake.identity.source_priority import ATTRIBUTES
from citylake.lake.attach import open_lakes
from citylake.lake.errors import EnvironmentProblem, NoRelease, UsageError
from citylake.lake.settings import Settings
from citylake.lake.spreadsheets import write_table
from citylake.lake.zones import Zones, of_another_account

_RESTRICTED = "vault.identity.attribute_disagreement"
_HEADINGS = {
    "kind": "对象 Kind",
    "key": "键 Key",
    "attribute": "属性 Attribute",
    "winner_dataset": "采信数据集 Dataset that counts",
    "winner_value": "采信值 Value that counts",
    "other_dataset": "分歧数据集 Other dataset",
    "other_value": "分歧值 Other value",
    "first_extract_date": "最早 First",
    "last_extract_date": "最近 Last",
    "winner_record_key": "采信记录 Record that counts",
    "other_record_key": "分歧记录 Other record",
}


def read_disagreements(settings: Settings, attribute: str | None = None) -> pl.DataFrame:
    """Open disagreements, newest first; the columns are those of ``vault.identity.attribute_disagreement``.

    Raises UsageError for an unknown attribute, NoRelease when no night has chosen sources yet, EnvironmentProblem for
    an account that is not the owner.
    """
    known = sorted({name for names in ATTRIBUTES.values() for name in names})
    if attribute is not None and attribute not in known:
        raise UsageError(f"没有属性 {attribute!r}。 There is no attribute {attribute!r}. Known: {', '.join(known)}.")
    zones = Zones.of(settings)
    if zones.home.exists() and not os.access(zones.vault, os.R_OK | os.X_OK):
        raise of_another_account(zones.home) or EnvironmentProblem(
            f"{zones.vault} cannot be read: see citylake doctor."
        )
    if not zones.catalog("vault").exists():
        raise NoRelease("尚未比对。 No night has compared departments yet: citylake refresh.")
    with open_lakes(settings, ("vault",), read_only=True) as connection:
        is_there = connection.execute(
            "select 1 from duckdb_tables() where database_name = 'vault' and schema_name = 'identity' "
            "and table_name = 'attribute_disagreement'"
        ).fetchone()
        if is_there is None:
            raise NoRelease("尚未比对。 No night has compared departments yet: citylake refresh.")
        return connection.execute(
            f"select {', '.join(_HEADINGS)} from {_RESTRICTED} where $attribute is null or attribute = $attribute "
            "order by last_extract_date desc, kind, attribute, key, other_dataset, other_value",
            {"attribute": attribute},
        ).pl()


def export_disagreements(disagreements: pl.DataFrame, file: Path) -> None:
    """Write them for a spreadsheet, owner-only. Raises UsageError when the file cannot be written."""
    write_table(disagreements.rename(_HEADINGS), file)
