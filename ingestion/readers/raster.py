"""Reading a raster: one record that says what it is. Its cells are examined, every one, and stay in the file.

The rasters known are annual composites of night lights; :mod:`citylake.nightlights.composites` says what is refused.
"""

import zlib
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from citylake.contracts.model import Contract
from ingestion import refusals
from ingestion.readers.extract import LINE, Batch, Extract
from ingestion.readers.kinds import check_kind, damaged_gzip, open_unpacked

_CHUNK = 1 << 20


def read_raster(file: Path, contract: Contract) -> Extract:
    """Read a composite. Raises RefusedFile when it is none that can be measured, in the library's own words."""
    # Projections would slow down every command that reads no raster.
    from citylake.nightlights.composites import Composite, RefusedComposite, examine  # noqa: PLC0415

    _check_kind(file)
    try:
        composite = Composite.parse(file)
        cells = examine(composite)
    except RefusedComposite as refused:
        raise refusals.unusable_raster(refused.why) from refused
    known = {
        "series": composite.series,
        "satellite": composite.satellite,
        "year": composite.year,
        "version": composite.version,
        "data_origin": composite.origin,
        "file_name": file.name,
        "cell_count": int(cells["cells"]),
        "lit_cell_count": int(cells["lit"]),
        "missing_cell_count": int(cells["missing"]),
        "highest_number": cells["highest"],
    }
    kinds = {"string": pl.String, "integer": pl.Int64, "number": pl.Float64}
    schema = {LINE: pl.Int64, **{column.name: kinds[column.logical_type] for column in contract.columns}}
    record = pl.DataFrame({LINE: [1]} | {name: [known[name]] for name in schema if name != LINE}, schema=schema)

    def batches() -> Iterator[Batch]:
        yield Batch(record)

    return Extract(batches)


def _check_kind(file: Path) -> None:
    try:
        with open_unpacked(file) as stream:
            head = stream.read(64)
            # Packed, its checksum is at its end.
            while file.suffix == ".gz" and stream.read(_CHUNK):
                pass
    except (EOFError, OSError, zlib.error) as problem:
        raise damaged_gzip() from problem
    check_kind(head, "raster")
