from pathlib import Path

import pytest

from tests.integration.kill_night import kill_nights
from tests.integration.small_city import SmallCity

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

TIMES = 8
"""One in each eighth of a night."""


def test_a_night_killed_at_any_moment_leaves_nothing_lost_doubled_or_half_visible(
    rebuilt: SmallCity, tmp_path: Path
) -> None:
    # A power cut. For many more: python -m tests.integration.kill_night --times 200
    died = kill_nights(tmp_path, rebuilt, TIMES)
    assert died.total() == TIMES
    assert len(died) > 3, "the kills all hit the same place"
