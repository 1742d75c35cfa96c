"""One city for all tests of this room: made once a process, read through the contracts as a reader would."""

import gzip
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from python_calamine import load_workbook

from citylake.contracts.model import Contract, load_contracts
from citylake.lake.landed import LandedFile
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
        landed = [LandedFile.parse(path, department) for path in (self.landing / department / name).glob("*")]
        return sorted((f for f in landed if f), key=lambda f: (f.extract_date, f.revision))

    def lines(self, file: LandedFile) -> list[str]:
        packed = file.path.read_bytes()
        text = gzip.decompress(packed) if file.path.suffix == ".gz" else packed
        return text.decode(contract_of(file.dataset).dialect.encoding).splitlines()

    def first(self, dataset: str) -> LandedFile:
        """The first night's delivery of a dataset."""
        return self.files(dataset)[0]

    def table(self, file: LandedFile) -> pl.DataFrame:
        """A CSV extract's well-formed rows as text, by our column names."""
        contract = contract_of(file.dataset)
        header, *lines = self.lines(file)
        names = names_of(contract)
        good = [line for line in lines if not is_broken(line, len(header.split(",")))]
        return pl.read_csv("\n".join([header, *good]).encode(), infer_schema=False).rename(names)

    def records(self, file: LandedFile) -> pl.DataFrame:
        """A JSON Lines extract's whole lines, by our column names."""
        contract = contract_of(file.dataset)
        lines = [line for line in self.lines(file) if line.endswith("}")]
        frame = pl.read_ndjson("\n".join(lines).encode(), infer_schema_length=None)
        return frame.rename({column.heading: column.name for column in contract.columns})

    def parquet(self, file: LandedFile) -> pl.DataFrame:
        """A Parquet extract, by our column names."""
        return pl.read_parquet(file.path).rename(names_of(contract_of(file.dataset)))

    def sheet(self, file: LandedFile) -> list[list[Any]]:
        """The cells of a workbook's sheet, row by row, from its very first."""
        sheet = load_workbook(file.path).get_sheet_by_name(contract_of(file.dataset).dialect.sheet or "")
        return sheet.to_python(skip_empty_area=False)

    def cells(self, file: LandedFile) -> list[dict[str, Any]]:
        """The rows below the headings, by our column names; an empty cell is None."""
        names = names_of(contract_of(file.dataset))
        title, headings, *rows = self.sheet(file)
        assert "合成数据" in title[0]
        columns = [names[heading] for heading in headings]
        return [dict(zip(columns, (cell or None for cell in row), strict=True)) for row in rows]


def names_of(contract: Contract) -> dict[str, str]:
    """Our name of each of the department's headings."""
    return {column.heading: column.name for column in contract.columns}


def contract_of(dataset: str) -> Contract:
    return load_contracts(CONTRACTS)[dataset]


def is_broken(line: str, width: int) -> bool:
    """Whether a CSV line without quoted fields has another number of fields, or any line a quote out of place."""
    if line.startswith('"') or ',"' in line:
        return False
    return '"' in line or line.count(",") != width - 1


def is_near(count: int, total: int, rate: float) -> bool:
    """Within five standard deviations of a binomial count: wrong once in two million by chance, and seeded besides."""
    return abs(count - total * rate) <= 5 * (total * rate * (1 - rate)) ** 0.5 + 1


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    folder = tmp_path_factory.mktemp("city")
    facts = make_city(folder / "landing", CONTRACTS, residents=RESIDENTS, until=UNTIL, truth=folder / "truth")
    return City(folder / "landing", folder / "truth", facts)
