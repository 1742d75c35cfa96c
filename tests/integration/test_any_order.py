from pathlib import Path

import pytest
from dbt.contracts.graph.manifest import Manifest as DbtManifest

from tests.integration.any_order import compare_order

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

NIGHTS = 8
"""Some fourteen files a night, of each dataset nearly two: every night meets late, new and corrected ones together."""


def test_any_order_of_deliveries_over_many_nights_ends_where_a_full_rebuild_does(
    tmp_path: Path, dbt_manifest: DbtManifest
) -> None:
    # Late, corrected, refused and withdrawn deliveries in an order nobody planned: no trace of the order may remain.
    # For many orders, over thirty nights: python -m tests.integration.any_order --orders 20
    assert "\n".join(compare_order(tmp_path, dbt_manifest, seed=11, nights=NIGHTS)) == ""
