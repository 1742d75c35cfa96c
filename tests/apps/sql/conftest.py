from tests.lake.conftest import settings

__all__ = ["settings"]
