"""citylake: a city data lakehouse and indicator warehouse.

Analysts need one name from here: :func:`connect`, a read-only DuckDB connection on the current release.
"""

from citylake.lake.reader import connect

__all__ = ["connect"]
__version__ = "0.1.0"
