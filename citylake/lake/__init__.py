"""The lake itself: settings, zones, catalogs, ledgers, the lock and releases. Knows nothing of any one dataset."""
