"""Folders outside the lake that one process keeps to itself: a reader's spilled queries, a check's rows.

They hold personal data. What a killed process could not clear is cleared by the next one of the same account.
"""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import psutil

_PREFIX = "citylake-"


def private_folder() -> Path:
    """A new folder of this process alone, which its caller removes; what dead processes left is removed first."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}[0-9]*-*"):
        with suppress(FileNotFoundError, ValueError):  # Another process was quicker; or it is somebody else's.
            process = int(left.name.removeprefix(_PREFIX).split("-", 1)[0])
            if left.lstat().st_uid == os.geteuid() and not psutil.pid_exists(process):
                shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
