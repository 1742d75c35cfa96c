import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from citylake.lake import releases
from citylake.lake.lock import writer_lock
from orchestration.night import StageEvent
from orchestration.nightly import run_nightly
from tests.integration.small_city import FIGURES, NIGHTS, SmallCity
from tests.lake.readers_of_another_account import reading

LOOKED_AT = ("marts", "release", "maintenance")
"""The stages before which everybody looks again: when heads have changed, before the pointer and what is kept do."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture
def open_city(first_night: SmallCity) -> Iterator[SmallCity]:
    """A copy of the city that another account can reach: pytest's own folders are closed to it."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another OS account")
    parent = Path(tempfile.mkdtemp(prefix="citylake-test-", dir="/tmp"))  # mkdtemp makes the name
    parent.chmod(0o711)
    yield first_night.copy(parent)
    shutil.rmtree(parent)


def test_eight_readers_of_another_account_see_whole_releases_through_a_refresh_and_a_rollback(
    open_city: SmallCity,
) -> None:
    # While the writer holds the lock, the night waits for everybody to look again: whoever had to wait for the writer
    # would wait for ever. At every look, every table has its release's rows, and the figures are of its run.
    first = releases.current_release(open_city.zones).release_id
    open_city.deliver(NIGHTS[1])
    with reading(open_city.settings, FIGURES) as readers:

        def look_again(event: StageEvent) -> None:
            if event.state == "began" and event.stage in LOOKED_AT:
                readers.look_again()

        second = run_nightly(open_city.settings, full=True, progress=look_again)
        assert second.error is None, second
        readers.look_again()
        with writer_lock(open_city.settings, "test"):
            releases.rollback(open_city.zones, first, "figures of G08 are wrong", "tester")
            readers.look_again()
            releases.resume(open_city.zones, "tester")
    assert readers.seen() == [[first, second.release, first]] * 8
