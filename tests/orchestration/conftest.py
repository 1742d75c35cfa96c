"""What the tests of orchestration share: a home with the dbt project parsed once for the whole session."""

import pytest
from filelock import FileLock

from citylake.lake.settings import Settings
from citylake.lake.zones import prepare
from orchestration.dbt import prepare_manifest


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Settings:
    """Settings of an empty lake in which dbt's project is parsed. Shared by all workers: no run happens in it."""
    session = tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent
    settings = Settings(home=session / "parsed", landing=None)
    with FileLock(session / "parsed.lock"):
        prepare(settings)
        prepare_manifest(settings)
    return settings
