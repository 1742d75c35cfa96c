"""Homes that several tests begin with: made once for all workers, copied for each test."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """The folder as whoever came first has made it; all others wait for that. Never write to it: copy it."""
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        if not folder.exists():
            aside = folder.with_name(f"{folder.name}.aside")
            aside.mkdir()
            make(aside)
            aside.rename(folder)
    return folder


def copy_folder(source: Path, target: Path) -> None:
    """A copy to write to. DuckDB's extensions, a hundred megabytes that nobody writes to, are linked."""

    def copy(one: str, other: str) -> None:
        (os.link if "extensions" in Path(one).parts else shutil.copy2)(one, other)

    shutil.copytree(source, target, symlinks=True, copy_function=copy, dirs_exist_ok=True)
