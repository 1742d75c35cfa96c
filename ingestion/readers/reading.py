"""One extract read as its contract says it is written: the one place that knows which reader a format has."""

from collections.abc import Callable
from pathlib import Path

import duckdb

from citylake.contracts.model import Contract
from ingestion.readers.delimited import read_delimited
from ingestion.readers.extract import Extract
from ingestion.readers.json_lines import read_json
from ingestion.readers.kinds import unpacked
from ingestion.readers.parquet import read_parquet
from ingestion.readers.raster import read_raster
from ingestion.readers.workbook import read_workbook


def read_extract(
    file: Path, contract: Contract, folder: Path, engine: Callable[[], duckdb.DuckDBPyConnection]
) -> Extract:
    """Read a file; what has to be written for that lies in ``folder``. Raises RefusedFile.

    ``engine`` gives a connection; it is asked for one only where the format needs it.
    """
    match contract.dialect.format:
        case "csv":
            return read_delimited(file, contract)
        case "json":
            return read_json(file, contract, engine())
        case "xlsx":
            return read_workbook(unpacked(file, folder), contract, folder / "parts")
        case "parquet":
            return read_parquet(unpacked(file, folder), contract)
        case "raster":
            return read_raster(file, contract)
