from tests.lake.conftest import extensions, settings

__all__ = ["extensions", "settings"]
