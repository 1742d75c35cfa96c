"""The city's authorities as other departments name them: full names and codes that no real authority has."""

from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

from sample_city.identifiers import unified_codes

SEED = Path(__file__).resolve().parents[1] / "dbt_project" / "seeds" / "department.csv"
_GOVERNMENT = 1


@cache
def authorities() -> pl.DataFrame:
    """One row a department: department_code, authority_name, authority_uscc."""
    seed = pl.read_csv(SEED, infer_schema=False).sort("department_code")
    codes = unified_codes(np.full(seed.height, _GOVERNMENT), np.arange(seed.height), authority=_GOVERNMENT)
    return seed.select(
        "department_code", authority_name=pl.lit("无锡市") + pl.col("department_name_zh"), authority_uscc=codes
    )
