"""What the name of a file in landing says. What was loaded from it is :mod:`citylake.lake.deliveries`'s."""

import re
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

Origin = Literal["real", "synthetic"]

_LANDED = re.compile(
    r"^(?P<name>.+)_(?P<date>\d{8})(_r(?P<revision>\d{1,4}))?(?P<synthetic>\.synthetic)?\.(?P<extension>csv|jsonl|xlsx|parquet)(\.gz)?$"
)


class LandedFile(BaseModel):
    """What the name of a file in landing says: ``<dataset>_<YYYYMMDD>[_r<revision>][.synthetic].<ext>[.gz]``."""

    model_config = ConfigDict(frozen=True)

    dataset: str
    extract_date: date
    revision: int = 0
    """0 for the first delivery of an extract date; a correction has a higher number and supersedes."""
    origin: Origin = "real"
    path: Path

    @classmethod
    def parse(cls, path: Path, department: str) -> "LandedFile | None":
        """Read a file's name; None when it is not one of ours."""
        match = _LANDED.match(path.name)
        if match is None:
            return None
        try:
            extract_date = date.fromisoformat(match["date"])
        except ValueError:
            return None
        return cls(
            dataset=f"{department}.{match['name']}",
            extract_date=extract_date,
            revision=int(match["revision"] or 0),
            origin="synthetic" if match["synthetic"] else "real",
            path=path,
        )
