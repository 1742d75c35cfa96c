"""Mutates good extracts and holds what comes of them against what was in them.

Whatever is done to a file: it is refused whole with a reason, or rows read = accepted + quarantined, and a row that
the mutation did not touch is accepted with exactly its own values. ``python -m tests.ingestion.fuzz --times 5000``.
"""

import argparse
import gzip
import random
import sys
import tempfile
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from tests.ingestion.oracle import Broken, Mutant, Reading, hold
from tests.ingestion.specimens import HEADINGS, Specimen, as_texts, parquet, specimens, workbook
from tests.ingestion.support import examined

_NASTY = (
    b'"',
    b"'",
    b",",
    b";",
    b"\t",
    b"|",
    b"\\",
    b"\r",
    b"\x00",
    b"\xff",
    b"\x80",
    b"\xef\xbb\xbf",
    b"{",
    b"]",
    b" ",
)
_MEMORY = Path("/dev/shm")  # noqa: S108  # a new folder in it; nothing of a mutant needs to outlive its examination
_CODECS = ("utf-8", "utf-8-sig", "gb18030", "cp950", "utf-16", "utf-16-be", "latin-1")


def mutate(specimen: Specimen, chance: random.Random) -> Mutant:
    """One mutation of a specimen, by chance."""
    if not specimen.records:
        return chance.choice(_OF_TABLES)(specimen, chance)
    return chance.choice(_OF_TEXTS)(specimen, chance)


def check(specimen: Specimen, mutant: Mutant, folder: Path) -> bool:
    """Examine a mutant; whether it was accepted. Raises Broken when a promise is."""
    outcome = examined(mutant.content, specimen.contract, folder)
    refusal, validated = outcome.examination.refusal, outcome.examination.validated
    if refusal is not None:
        if not (refusal.zh and refusal.en and refusal.rule.startswith("file.")):
            raise Broken("refused without a reason")
        return False
    if validated is None or validated.rows_accepted != outcome.accepted.height:
        raise Broken("accepted rows are not there")
    lacking = outcome.examination.missing_columns
    names = [one.name for one in specimen.contract.columns if one.heading not in lacking]
    accepted = list(outcome.accepted.select(names).iter_rows())
    hold(specimen, mutant, Reading(outcome.examination.rows_read, outcome.rejected.height, accepted, lacking))
    return True


def _whole(specimen: Specimen, records: list[bytes]) -> bytes:
    return specimen.head + b"".join(records) + specimen.tail


def _everything(specimen: Specimen) -> tuple[int, ...]:
    return tuple(range(len(specimen.truth)))


def _all_but(specimen: Specimen, *touched: int) -> tuple[int, ...]:
    return tuple(place for place in _everything(specimen) if place not in touched)


def _garbled(text: bytes, chance: random.Random) -> bytes:
    """Some bytes changed, left out, put in or repeated."""
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(text) + 1)
        end = min(len(text), place + chance.randint(1, 4))
        put = chance.choice((b"", chance.choice(_NASTY), chance.randbytes(1), text[place:end] * 2))
        text = text[:place] + put + text[place if chance.random() < 0.5 else end :]
    return text


def _bytes_of_a_record(specimen: Specimen, chance: random.Random) -> Mutant:
    records, place = list(specimen.records), chance.randrange(len(specimen.records))
    end = b"\n\x00" if specimen.encoding == "utf-16-le" else b"\n"
    body = records[place].removesuffix(end)
    # In UTF-16 an odd number of bytes would put all that follows out of step: that is a damaged file, see below.
    garbled = _garbled(body, chance)
    if specimen.encoding == "utf-16-le" and len(garbled) % 2:
        garbled += b"\x00"
    records[place] = garbled + end
    pieces = garbled.count(b"\n") + garbled.count(b"\r") + 1
    return Mutant(_whole(specimen, records), _all_but(specimen, place), pieces, touched=garbled)


def _fields_of_a_record(specimen: Specimen, chance: random.Random) -> Mutant:
    """A field too many, one too few, a quote somewhere, the last fields missing."""
    records, place = list(specimen.records), chance.randrange(len(specimen.records))
    text = records[place].decode(specimen.encoding)
    if chance.random() < 0.2:
        delimiter = specimen.contract.dialect.delimiter
        fields = text.removesuffix("\n").removesuffix("\r").split(delimiter)
        text = delimiter.join(fields[: chance.randrange(1, len(fields))]) + "\n"
    mark = chance.choice((specimen.contract.dialect.delimiter, specimen.contract.dialect.quote, "\\", "{", ":"))
    spots = [spot for spot in range(len(text) - 1) if text[spot] == mark] or [0]
    spot = chance.choice(spots) if chance.random() < 0.5 else chance.randrange(len(text) - 1)
    text = text[:spot] + chance.choice(("", mark, mark * 2)) + text[spot + chance.randint(0, 1) :]
    records[place] = text.encode(specimen.encoding)
    touched = text.removesuffix("\n").removesuffix("\r").encode(specimen.encoding)
    return Mutant(_whole(specimen, records), _all_but(specimen, place), text.count("\n") + 1, touched=touched)


def _bytes_anywhere(specimen: Specimen, chance: random.Random) -> Mutant:
    """A damaged head or any damage that puts the rest out of step: values may be anything where lines are."""
    if specimen.encoding == "utf-16-le":
        whole = _whole(specimen, list(specimen.records))
        place = chance.randrange(len(whole))
        return Mutant(whole[:place] + chance.randbytes(1) + whole[place:], (), len(specimen.truth) * 2)
    records = list(specimen.records)
    head = _garbled(specimen.head, chance) if specimen.head else chance.choice(_NASTY) + b"\n"
    return Mutant(head + b"".join(records) + specimen.tail, _everything(specimen), 2, may_reject=True)


def _line_ends(specimen: Specimen, chance: random.Random) -> Mutant:
    """Other line ends, blank lines: nothing of it is data."""
    end = "\n".encode(specimen.encoding)
    ends = [text.encode(specimen.encoding) for text in ("\n", "\r\n", "\r", "\n\n", "\r\n \n")]
    whole = [
        record.removesuffix(end).removesuffix("\r".encode(specimen.encoding)) + chance.choice(ends)
        for record in specimen.records
    ]
    return Mutant(_whole(specimen, whole), _everything(specimen))


def _order_of_records(specimen: Specimen, chance: random.Random) -> Mutant:
    """Records left out, sent twice, in another order."""
    if specimen.tail:
        return _line_ends(specimen, chance)
    places = chance.choices(_everything(specimen), k=chance.randint(1, 40))
    return Mutant(_whole(specimen, [specimen.records[place] for place in places]), tuple(places))


def _cut_off(specimen: Specimen, chance: random.Random) -> Mutant:
    whole = _whole(specimen, list(specimen.records))
    cut = chance.randrange(len(whole))
    end, present = len(specimen.head), 0
    for record in specimen.records:
        end += len(record)
        present += end <= cut
    if chance.random() < 0.3:
        packed = gzip.compress(whole, mtime=0)
        return Mutant(packed[: chance.randrange(2, len(packed))], ())
    return Mutant(whole[:cut], tuple(range(present)), 1, may_reject=cut < len(specimen.head))


def _packed(specimen: Specimen, chance: random.Random) -> Mutant:
    packed = gzip.compress(_whole(specimen, list(specimen.records)), mtime=0)
    if chance.random() < 0.3:
        return Mutant(packed, _everything(specimen))
    # The first ten bytes say nothing of the content, and the sum over it is in the last eight.
    place = chance.randrange(10, len(packed))
    return Mutant(packed[:place] + bytes([packed[place] ^ (1 << chance.randrange(8))]) + packed[place + 1 :], ())


def _encodings(specimen: Specimen, chance: random.Random) -> Mutant:
    """All of it, or one record, in another encoding."""
    codec = chance.choice(_CODECS)
    if chance.random() < 0.5:
        whole = _whole(specimen, list(specimen.records)).decode(
            "utf-16" if specimen.encoding == "utf-16-le" else specimen.encoding
        )
        content = whole.removeprefix("\ufeff").encode(codec, errors="replace")
        lost = whole.removeprefix("\ufeff").encode(codec, errors="replace").decode(codec) != whole.removeprefix(
            "\ufeff"
        )
        # Characters that an encoding does not have are question marks before the file is read.
        others = len(specimen.truth) if lost else 0
        return Mutant(content, _everything(specimen), others, may_reject=True)
    records, place = list(specimen.records), chance.randrange(len(specimen.records))
    records[place] = records[place].decode(specimen.encoding).encode(codec, errors="replace")
    if specimen.encoding == "utf-16-le" or codec.startswith("utf-16"):
        return Mutant(_whole(specimen, records), (), len(specimen.truth) * 2)
    others, touched = records[place].count(b"\n"), records[place].removesuffix(b"\n").removesuffix(b"\r")
    return Mutant(_whole(specimen, records), _all_but(specimen, place), others, touched=touched)


def _columns(specimen: Specimen, chance: random.Random) -> Mutant:
    """Columns in another order, one left out, one added, one named otherwise or twice."""
    headings: list[str] = list(HEADINGS)
    cells: list[list[object]] = [list(row) for row in specimen.truth]
    place, kind = chance.randrange(len(headings)), chance.randrange(5)
    if kind == 0:
        order = chance.sample(range(len(headings)), len(headings))
        headings = [headings[one] for one in order]
        cells = [[row[one] for one in order] for row in cells]
    elif kind == 1:
        headings.pop(place)
        for row in cells:
            row.pop(place)
    elif kind == 2:
        headings.insert(place, "新列")
        for row in cells:
            row.insert(place, "x")
    else:
        can_repeat = kind == 4 and specimen.contract.dialect.format != "parquet"
        headings[place] = chance.choice(HEADINGS) if can_repeat else "另名"
    return Mutant(_written(specimen, headings, cells), _everything(specimen))


def _written(specimen: Specimen, headings: list[str], cells: list[list[object]]) -> bytes:
    form = specimen.contract.dialect.format
    if form == "xlsx":
        return workbook(headings, cells)
    if form == "parquet":
        return parquet(headings, cells)
    if form == "json":
        return _whole(specimen, list(specimen.records))
    delimiter = specimen.contract.dialect.delimiter
    lines = [delimiter.join("" if one is None else f'"{_doubled(str(one), specimen)}"' for one in row) for row in cells]
    mark, first = (
        (b"\xff\xfe" if specimen.encoding == "utf-16-le" else b""),
        "title\n" * specimen.contract.dialect.preamble_lines,
    )
    return mark + (first + delimiter.join(headings) + "\n" + "\n".join(lines)).encode(specimen.encoding)


def _doubled(text: str, specimen: Specimen) -> str:
    return text.replace('"', (specimen.contract.dialect.escape or '"') + '"')


def _a_cell(specimen: Specimen, chance: random.Random) -> Mutant:
    """A cell of a table holds something else."""
    cells: list[list[object]] = [list(row) for row in specimen.truth]
    row, place = chance.randrange(len(cells)), chance.randrange(len(HEADINGS))
    odd: list[object] = ["", "x", None, "2024-13-01", "1.005", "\u0000", "=1/0", "名字", "9" * 30]
    if specimen.contract.dialect.format == "xlsx":
        odd += [1e18, 0.1 + 0.2, True]
        cells[row][place] = chance.choice(odd)
        return Mutant(workbook(HEADINGS, cells), _all_but(specimen, row), 1)
    texts: list[list[object]] = [[text or None for text in as_texts(one)] for one in specimen.truth]
    texts[row][place] = chance.choice([one for one in odd if not isinstance(one, float | bool)])
    return Mutant(parquet(HEADINGS, texts), _all_but(specimen, row), 1)


def _bytes_of_a_table(specimen: Specimen, chance: random.Random) -> Mutant:
    """A damaged file. A workbook has sums over its parts; Parquet has none, so that any value may be changed."""
    content = _written(specimen, list(HEADINGS), [list(row) for row in specimen.truth])
    if chance.random() < 0.3:
        return Mutant(content[: chance.randrange(len(content))], ())
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(len(content))
        content = content[:place] + bytes([content[place] ^ (1 << chance.randrange(8))]) + content[place + 1 :]
    if specimen.contract.dialect.format == "parquet":
        return Mutant(content, (), 1 << 20)
    return Mutant(content, _everything(specimen), may_reject=False)


def _xml_of_a_workbook(specimen: Specimen, chance: random.Random) -> Mutant:
    """A part of a workbook written otherwise, with the right sum over it: any value may be changed."""
    if specimen.contract.dialect.format == "parquet":
        return _a_cell(specimen, chance)
    buffer = BytesIO()
    with zipfile.ZipFile(BytesIO(workbook(HEADINGS, specimen.truth))) as good, zipfile.ZipFile(buffer, "w") as bad:
        chosen = chance.choice([name for name in good.namelist() if name.startswith("xl/")])
        for name in good.namelist():
            content = good.read(name)
            bad.writestr(name, _garbled(content, chance) if name == chosen else content)
    return Mutant(buffer.getvalue(), (), 1 << 20)


RECORD_MUTATIONS = (_bytes_of_a_record, _fields_of_a_record)
_OF_TEXTS: tuple[Callable[[Specimen, random.Random], Mutant], ...] = (
    *RECORD_MUTATIONS,
    _bytes_anywhere,
    _line_ends,
    _order_of_records,
    _cut_off,
    _packed,
    _encodings,
    _columns,
)
_OF_TABLES: tuple[Callable[[Specimen, random.Random], Mutant], ...] = (
    _columns,
    _a_cell,
    _bytes_of_a_table,
    _xml_of_a_workbook,
)


def run(specimen: Specimen, seed: int) -> bool:
    """Mutate once and check; whether the mutant was accepted. Raises Broken, which says how to see it again."""
    mutant = mutate(specimen, random.Random(seed))
    with tempfile.TemporaryDirectory(prefix="citylake-fuzz.", dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        try:
            return check(specimen, mutant, Path(folder))
        except BaseException as problem:
            raise Broken(f"{specimen.name}, seed {seed}: {type(problem).__name__}: {problem}") from problem


def main() -> None:
    """Mutate as often as asked, each specimen in turn, and tell what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0, help="of the first mutation; each has the next")
    parser.add_argument("--only", help="name of one specimen")
    asked = parser.parse_args()
    chosen = [one for one in specimens() if asked.only in (None, one.name)]
    accepted, broken = 0, 0
    for number in range(asked.times):
        try:
            accepted += run(chosen[number % len(chosen)], asked.seed + number // len(chosen))
        except Broken as problem:
            broken += 1
            print(problem, file=sys.stderr)  # noqa: T201  # a command tells what it found
    print(f"{asked.times} mutations: {accepted} accepted, {asked.times - accepted - broken} refused, {broken} broken")  # noqa: T201
    sys.exit(broken > 0)


if __name__ == "__main__":
    main()
