"""One city for all tests of this room: made once a process, read through the contracts as a reader would."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from citylake.contracts.model import Contract, load_contracts
from citylake.lake.deliveries import LandedFile
from citylake.lake.settings import PROJECT_ROOT
from sample_city.city import make_city

CONTRACTS = PROJECT_ROOT / "ingestion" / "contracts"
UNTIL = date(2026, 10, 31)
RESIDENTS = 20_000


@dataclass(frozen=True)
class City:
    """A city on disk and what is true about it."""

    landing: Path
    truth_folder: Path
    facts: dict[str, int]

    def truth(self, name: str) -> pl.DataFrame:
        return pl.read_parquet(self.truth_folder / f"{name}.parquet")

    def files(self, dataset: str) -> list[LandedFile]:
        department, name = dataset.split(".")
        landed = [LandedFile.parse(path, department) for path in (self.landing / department / name).iterdir()]
        return sorted((f for f in landed if f), key=lambda f: (f.extract_date, f.revision))

    def lines(self, file: LandedFile) -> list[str]:
        return file.path.read_bytes().decode(contract_of(file.dataset).dialect.encoding).splitlines()

    def table(self, file: LandedFile) -> pl.DataFrame:
        """A CSV extract's well-formed rows as text, by our column names."""
        contract = contract_of(file.dataset)
        header, *lines = self.lines(file)
        names = {column.heading: column.name for column in contract.columns}
        good = [line for line in lines if not is_broken(line, len(header.split(",")))]
        return pl.read_csv("\n".join([header, *good]).encode(), infer_schema=False).rename(names)

    def records(self, file: LandedFile) -> pl.DataFrame:
        """A JSON Lines extract's whole lines, by our column names."""
        contract = contract_of(file.dataset)
        lines = [line for line in self.lines(file) if line.endswith("}")]
        frame = pl.read_ndjson("\n".join(lines).encode(), infer_schema_length=None)
        return frame.rename({column.heading: column.name for column in contract.columns})


def contract_of(dataset: str) -> Contract:
    return load_contracts(CONTRACTS)[dataset]


def is_broken(line: str, width: int) -> bool:
    """Whether a CSV line without quoted fields has another number of fields, or any line a quote out of place."""
    if line.startswith('"') or ',"' in line:
        return False
    return '"' in line or line.count(",") != width - 1


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    folder = tmp_path_factory.mktemp("city")
    facts = make_city(folder / "landing", CONTRACTS, residents=RESIDENTS, until=UNTIL, truth=folder / "truth")
    return City(folder / "landing", folder / "truth", facts)
