"""The hash that identifies a delivery's content."""

import hashlib
from pathlib import Path


def sha256_of(file: Path) -> str:
    """The SHA-256 of a file's bytes, as delivered, in hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
