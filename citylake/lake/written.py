"""Numbers as people write them: full-width digits, and spaces or hyphens between digits; how they are found and told.

What a number means is not known here. Wide characters are known in UTF-8 and GB 18030, all others in any encoding that
writes ASCII as ASCII or UTF-16.
"""

import re
import string

_WIDE = {chr(ord(one) + 0xFEE0): one.upper() for one in "0123456789Xx"}
"""Full-width form → plain character."""
_ALPHABET = string.digits + string.ascii_letters
_WIDE_ALPHABET = "".join(chr(ord(one) + 0xFEE0) for one in _ALPHABET)
_SEPARATORS = " \u00a0\u3000\\-\u2010\u2011\u2013\uff0d"
_BETWEEN = f"[{_SEPARATORS}]*"
_CODECS = ("utf-8", "gb18030")
_WIDE_BYTES = [(wide.encode(codec), plain.encode()) for codec in _CODECS for wide, plain in _WIDE.items()]
_TWO_WIDE = [re.compile(rb"\xef\xbc[\x90-\x99]\xef\xbc[\x90-\x99]"), re.compile(rb"\xa3[\xb0-\xb9]\xa3[\xb0-\xb9]")]
_WIDE_SEPARATORS = {codec: [one.encode(codec) for one in "\u00a0\u3000\u2010\u2011\u2013\uff0d"] for codec in _CODECS}
_UPPER = bytes(range(256)).upper()
_NUMBER = re.compile(r"^[0-9]{14,}[0-9X]$")
RUNS = f"[0-9０-９](?:{_BETWEEN}[0-9０-９XxＸｘ]){{14,}}"  # the wide ones are meant
"""Fifteen digits or more, however they are written, as a pattern over texts."""


def loose_pattern(word: str) -> str:
    """A pattern over texts for a word that is found in any letters' case; for a long number, however it is written.

    In the syntax that DuckDB, polars and Python share.
    """
    if not _NUMBER.match(word):
        return re.escape(word)
    return _BETWEEN.join(f"[{one}{chr(ord(one) + 0xFEE0)}]" for one in word)


def loose_bytes(word: str) -> bytes:
    """The same over UTF-8."""
    if not _NUMBER.match(word):
        return re.escape(word).encode()
    between = b"(?:" + b"|".join([b"[ -]", *_WIDE_SEPARATORS["utf-8"]]) + b")*"
    forms = (
        b"|".join([one.encode(), *(wide.encode() for wide, plain in _WIDE.items() if plain == one)]) for one in word
    )
    return between.join(b"(?:" + form + b")" for form in forms)


def plain_sql(text: str) -> str:
    """A SQL expression of a text as an expression of its plain characters in upper case, without any separators."""
    wide, plain = "".join(_WIDE), "".join(_WIDE.values())
    return f"upper(regexp_replace(translate({text}, '{wide}', '{plain}'), '[{_SEPARATORS}]', '', 'g'))"


def number_sql(text: str) -> str:
    """A SQL expression of a number in plain capitals, with nothing else in it, of a text that is that number alone."""
    return f"regexp_replace(upper(translate({text}, '{_WIDE_ALPHABET}', '{_ALPHABET}')), '[^0-9A-Z]', '', 'g')"


def plain_bytes(piece: bytes) -> bytes:
    """A piece of a file in upper case and without separators, for finding numbers in it: nothing else means anything.

    Wide characters are replaced where at least two digits stand together.
    """
    text = piece.replace(b"\0", b"") if b"\0" in piece else piece
    if any(pattern.search(text) for pattern in _TWO_WIDE):
        for wide, plain in _WIDE_BYTES:
            text = text.replace(wide, plain)
    for separator in (one for separators in _WIDE_SEPARATORS.values() for one in separators):
        if separator in text:
            text = text.replace(separator, b"")
    return text.translate(_UPPER, b" -")
