"""Where dbt's own files lie under the home: the parsed project, and what runs leave."""

from dataclasses import dataclass
from pathlib import Path

from citylake.lake.settings import Settings
from citylake.lake.zones import Zones

PARTIAL_PARSE = "partial_parse.msgpack"
SEMANTIC_MANIFEST = "semantic_manifest.json"


@dataclass(frozen=True)
class DbtPaths:
    """Where dbt's own files lie."""

    root: Path

    @classmethod
    def of(cls, settings: Settings) -> "DbtPaths":
        return cls(Zones.of(settings).dagster / "dbt")

    @property
    def parsed(self) -> Path:
        """The project as parsed once: manifest, semantic manifest and dbt's own state of parsing."""
        return self.root / "parsed"

    @property
    def target(self) -> Path:
        """Where runs write their artifacts, compiled SQL and logs; one run at a time, under the lock."""
        return self.root / "target"

    @property
    def results(self) -> Path:
        """What the last command of a night's dbt said of each model and test."""
        return self.target / "run_results.json"
