"""A home of its own for each test."""

from pathlib import Path

import pytest

from tests.identity.staged import Staged


@pytest.fixture
def staged(tmp_path: Path) -> Staged:
    return Staged(tmp_path)
