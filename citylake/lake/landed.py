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
_RASTER = re.compile(
    r"^(?P<part>.+_dmsplike|.+?)_?(?P<year>(19|20)\d{2})(\.v\d(?P<version>[a-z])_)?.*?(?P<synthetic>\.synthetic)?\.tiff?(\.gz)?$",
    re.IGNORECASE,
)


class LandedFile(BaseModel):
    """What the name of a file in landing says: ``<dataset>_<YYYYMMDD>[_r<revision>][.synthetic].<ext>[.gz]``.

    Rasters keep the name that their maker gave them, ``<series>[_]<year>…[.synthetic].tif[.gz]``: their dataset is the
    folder that they lie in, their extract date the last day of the year, and a later version is a correction.
    """

    model_config = ConfigDict(frozen=True)

    dataset: str
    extract_date: date
    revision: int = 0
    """0 for the first delivery of an extract date; a correction has a higher number and supersedes."""
    origin: Origin = "real"
    part: str = ""
    """Which of several files of one extract date it is, of datasets that come in parts: the satellite of a raster."""
    path: Path

    @classmethod
    def parse(cls, path: Path, department: str) -> "LandedFile | None":
        """Read a file's name; None when it is not one of ours."""
        match = _LANDED.match(path.name)
        if match is None:
            return cls._parse_raster(path, department)
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

    @classmethod
    def _parse_raster(cls, path: Path, department: str) -> "LandedFile | None":
        match = _RASTER.match(path.name)
        # Counts of cloud-free observations belong to the composite that they lie beside: no delivery of their own.
        if match is None or ".cf_cvg." in path.name:
            return None
        return cls(
            dataset=f"{department}.{path.parent.name}",
            extract_date=date(int(match["year"]), 12, 31),
            revision=ord(match["version"].lower()) - ord("a") if match["version"] else 0,
            origin="synthetic" if match["synthetic"] else "real",
            part=match["part"],
            path=path,
        )
