"""Some of what ``python -m tests.ingestion.fuzz`` does thousands of times, always the same."""

import pytest

from tests.ingestion.fuzz import run
from tests.ingestion.specimens import Specimen, specimens

_TIMES = 50


@pytest.mark.parametrize("specimen", specimens(), ids=lambda specimen: specimen.name)
def test_a_mutated_extract_is_refused_or_read_without_changing_what_was_not_touched(specimen: Specimen) -> None:
    # Any crash, any row lost, shifted or made up by damage elsewhere in the file.
    accepted = [run(specimen, seed) for seed in range(_TIMES)]
    assert any(accepted)
    assert not all(accepted)
