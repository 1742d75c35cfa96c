"""From bytes to text: encodings, line endings, compression, and files that are not what they should be."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citylake.contracts.model import Dialect
from ingestion.readers import encodings, source
from ingestion.readers.source import text_blocks
from ingestion.refusals import RefusedFile
from tests.ingestion.support import column, contract, gzipped, read, records, rejected, rows, rows_read, texts

PAIR = texts("a", "b")
NAMES = texts("姓名", "地址", dialect=Dialect("csv", encoding="GB18030"))
CHINESE = "姓名,地址\n" + "张三,无锡市梁溪区人民中路一号\n李四,江阴市澄江街道办事处\n" * 10


def refusal(content: bytes, agreed: object, folder: Path) -> str:
    with pytest.raises(RefusedFile) as caught:
        read(content, agreed, folder)  # type: ignore[arg-type]
    assert caught.value.refusal.zh
    assert caught.value.refusal.en
    return caught.value.refusal.rule


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_any_line_ending_gives_the_same_rows(ending: str, tmp_path: Path) -> None:
    # Read as LF only, a CR-only file is one endless header, without an error.
    content = ending.join(["a,b", "1,2", "3,4", ""]).encode()
    assert rows(read(content, PAIR, tmp_path)) == [(2, "1", "2"), (3, "3", "4")]


def test_mixed_line_endings_are_read_line_by_line(tmp_path: Path) -> None:
    # Files that were appended to on several systems mix them; sniffers give up.
    assert rows(read(b"a,b\r\n1,2\n3,4\r5,6", PAIR, tmp_path)) == [(2, "1", "2"), (3, "3", "4"), (4, "5", "6")]


def test_a_crlf_at_a_chunk_s_edge_is_one_line_ending(tmp_path: Path) -> None:
    # Cut between CR and LF, it would count as two and shift every line number after it.
    (tmp_path / "extract").write_bytes(b"a,b\r\n1,2\r\n3,4\r\n")
    for size in range(1, 12):
        blocks = list(text_blocks(tmp_path / "extract", Dialect("csv"), size))
        assert b"".join(block.content for block in blocks) == b"a,b\n1,2\n3,4\n"
        assert [block.first_line for block in blocks] == [
            1 + sum(block.count for block in blocks[:place]) for place in range(len(blocks))
        ]
        assert [block.is_last for block in blocks] == [False] * (len(blocks) - 1) + [True]


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=60), st.integers(1, 9))
def test_gb18030_survives_every_chunk_edge(tmp_path_factory: pytest.TempPathFactory, text: str, size: int) -> None:
    # A decoder that meets half a character at its buffer's edge garbles it: valid files failed so.
    folder = tmp_path_factory.mktemp("chunks")
    content = f"x{text}"
    (folder / "extract").write_bytes(content.encode("gb18030"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "_DECODED_AT_ONCE_BYTES", size)
        patch.setattr(encodings, "_FEWEST_TO_COMPARE", 1000)
        patch.setattr(encodings, "_FEWEST_TO_JUDGE", 1000)
        blocks = list(text_blocks(folder / "extract", Dialect("csv", encoding="GB18030"), size))
    assert b"".join(block.content for block in blocks).decode() == content.replace("\r\n", "\n").replace("\r", "\n")
    assert not any(block.undecodable for block in blocks)


def test_gzip_is_known_by_its_content_not_its_name(tmp_path: Path) -> None:
    # A .csv that is really gzip would be read as one line of noise.
    assert rows(read(gzipped(b"a,b\n1,2\n"), PAIR, tmp_path)) == [(2, "1", "2")]


def test_a_byte_order_mark_is_not_part_of_the_first_heading(tmp_path: Path) -> None:
    # With the mark glued to it, the first column would count as missing.
    assert rows(read("\ufeffa,b\n1,2\n".encode(), PAIR, tmp_path)) == [(2, "1", "2")]
    assert rows(read("\ufeff姓名,地址\n甲,乙\n".encode("gb18030"), NAMES, tmp_path)) == [(2, "甲", "乙")]


def test_an_undecodable_line_is_quarantined_alone(tmp_path: Path) -> None:
    # A decoder that loses its step takes the following lines along.
    body = [b"\xd5\xc5,%d" % number for number in range(30)]
    body[7] = b"\xd5\xc5\xff\x80,bad"
    extract = read("姓名,地址\n".encode("gb18030") + b"\n".join(body), NAMES, tmp_path)
    assert rejected(extract) == [(9, "row.encoding")]
    assert len(rows(extract)) == 29


def test_headings_that_cannot_be_decoded_refuse_the_file(tmp_path: Path) -> None:
    # With a damaged heading an optional column would count as missing, and all its values would be lost.
    agreed = contract(column("a", required=True), column("附言"), dialect=Dialect("csv", encoding="UTF-8"))
    content = "a,附".encode() + b"\xff" + "言\n1,2\n3,4\n5,6\n".encode()
    assert refusal(content, agreed, tmp_path) == "file.encoding"


def test_a_zero_byte_spoils_its_own_line_only(tmp_path: Path) -> None:
    # Zero bytes end strings in many tools and silently cut the value off.
    filler = b"".join(b"%d,fill\n" % number for number in range(1200))
    extract = read(b"a,b\n" + filler + b"1,x\x00y\n2,z\n", PAIR, tmp_path)
    assert rejected(extract) == [(1202, "row.encoding")]
    assert rows(extract)[-1] == (1203, "2", "z")


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "file.empty"),
        (b"\n\n\r\n", "file.empty"),
        (gzipped(b""), "file.empty"),
        (gzipped(b"a,b\n" + b"1,2\n" * 5000)[:40], "file.unreadable"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n", "file.unreadable"),
        (b"PK\x03\x04rest of a spreadsheet", "file.unreadable"),
        ("a,b\n1,2\n".encode("utf-16"), "file.encoding"),
        ("a,b\n1,2\n".encode("utf-16-le"), "file.encoding"),
        ("a,b\n张,三\n李,四\n".encode("gb18030"), "file.encoding"),
        (b"a\tb\n1\t2\n", "file.dialect"),
        (b"1,2\n3,4\n", "file.missing_column"),
        (b"a,b,b\n1,2,3\n", "file.structure"),
        (b"a,,b\n1,2,3\n", "file.structure"),
        (b'a"x,b\n1,2\n', "file.missing_column"),
        (b'"a,b\n1,2\n', "file.structure"),
    ],
)
def test_a_file_that_is_not_what_was_agreed_is_refused_by_name(content: bytes, rule: str, tmp_path: Path) -> None:
    # Each of these is loaded by some reader, without an error, as something else.
    assert refusal(content, PAIR, tmp_path) == rule


@pytest.mark.parametrize("encoding", ["big5", "utf-8", "utf-8-sig", "utf-16"])
def test_chinese_in_another_encoding_than_gb18030_is_refused_as_such(encoding: str, tmp_path: Path) -> None:
    # Big5 decodes as GB18030 without any error, into characters that mean nothing.
    content = CHINESE.translate(str.maketrans("张区桥办", "張區橋辦")).encode(encoding, errors="ignore")
    assert refusal(content, NAMES, tmp_path) == "file.encoding"


def test_accented_latin_is_not_taken_for_chinese(tmp_path: Path) -> None:
    # Latin-1 accents before letters are valid GB18030 pairs.
    agreed = contract(column("a", required=True), column("b"), dialect=Dialect("csv", encoding="GB18030"))
    content = "a,b\n" + "café élan à la carte,naïve façade\n" * 20
    assert refusal(content.encode("latin-1"), agreed, tmp_path) == "file.encoding"


def test_a_header_without_rows_is_no_fault(tmp_path: Path) -> None:
    # A quiet day of an upsert dataset has no changes.
    extract = read(b"a,b\n", PAIR, tmp_path)
    assert (rows_read(extract), rows(extract)) == (0, [])


def test_columns_may_come_in_any_order_and_unknown_ones_are_reported(tmp_path: Path) -> None:
    # Read by position, swapped columns would load into each other.
    agreed = contract(column("a", required=True), column("b", required=True), column("c"))
    extract = read(b"b,extra,a\n2,x,1\n", agreed, tmp_path)
    assert records(extract).select("a", "b").rows() == [("1", "2")]
    assert (extract.new_columns, extract.missing_columns) == (("extra",), ("c",))
