"""The hash that identifies a delivery's content."""

import hashlib
from io import BufferedReader
from pathlib import Path


def sha256_of(file: Path) -> str:
    """The SHA-256 of a file's bytes, as delivered, in hex."""
    with file.open("rb") as stream:
        return sha256_in(stream)


def sha256_in(stream: BufferedReader) -> str:
    """The same of a file that is open, from its beginning."""
    stream.seek(0)
    return hashlib.file_digest(stream, "sha256").hexdigest()
