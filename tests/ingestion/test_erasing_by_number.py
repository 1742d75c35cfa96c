"""Which rows are a person's: by a number however it is written, and by what columns say together."""

from pathlib import Path

import duckdb
import pytest

from citylake.contracts.mentions import Mention
from citylake.contracts.model import Contract, Dialect
from citylake.lake.erasures import Sought
from citylake.lake.settings import Settings
from citylake.lake.traces import Wanted, has_any
from citylake.lake.zones import Zones
from ingestion.erasing import lines_left
from tests.ingestion.erasable import FORMATS, ID, OLD, OTHER, agreed, csv, deliver, erase, in_force, traces
from tests.ingestion.support import column, contract


def test_a_phone_takes_the_row_it_stands_in_alone_and_no_row_whose_number_contains_it(settings: Settings) -> None:
    # Whoever reported a case gave a phone and no id; a licence of somebody else may have the same digits in its number.
    thing, phone = agreed(Dialect("csv")), "13912345678"
    rows = tuple(
        (f"P0000000000{place}", "", note, count)
        for place, (note, count) in enumerate(
            [
                (phone, "1"),
                (f"请致电{phone}。", "2"),
                (f"许可{phone}01", "3"),
                (f"+86{phone}", "4"),
                (phone, "bad"),
                ("庚", "6"),
            ]
        )
    )
    deliver(settings, thing, csv(rows, thing.dialect))
    sought = Sought(ids=[], phones=[phone, f"86{phone}"])
    erased = erase(settings, thing, sought)
    assert in_force(settings)["thing_id"].to_list() == ["P00000000002", "P00000000005"]
    assert (erased.raw_rows, erased.quarantine_rows) == (3, 1)
    with duckdb.connect() as engine:
        (file,) = Zones.of(settings).landing.rglob("thing_*")
        assert has_any(file, Wanted(frozenset(), frozenset(sought.phones)), engine) == (False, False)


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16-le", "utf-16-be"])
def test_a_phone_is_a_trace_in_every_encoding_unless_it_is_part_of_a_longer_number(
    encoding: str, tmp_path: Path
) -> None:
    wanted = Wanted(frozenset(), frozenset({"13912345678"}))
    with duckdb.connect() as engine:
        for text, is_trace in (("电话13912345678，", True), ("电话139123456789", False), ("号A13912345678", False)):
            file = tmp_path / "notes.txt"
            file.write_bytes(text.encode(encoding))
            assert has_any(file, wanted, engine) == (is_trace, False)


def test_a_number_within_a_longer_one_is_no_trace(tmp_path: Path) -> None:
    # Another dataset numbers its persons P1000000090; the insurance number 1000000090 is somebody else's.
    file = tmp_path / "extract.csv"
    file.write_text("P1000000090,x\n", "utf-8")
    with duckdb.connect() as engine:
        assert has_any(file, Wanted(frozenset(), frozenset({"1000000090"})), engine) == (False, False)
        assert has_any(file, Wanted(frozenset(), frozenset({"P1000000090"})), engine) == (True, False)


@pytest.mark.parametrize("name", FORMATS)
def test_an_id_is_found_and_proved_gone_however_it_is_written(name: str, settings: Settings) -> None:
    # People type ids in full-width digits and in groups: such a row is the person's as any other.
    dialect, write = FORMATS[name]
    wide = "".join(chr(ord(one) + 0xFEE0) for one in ID)
    written = [
        f"{ID[:6]} {ID[6:14]} {ID[14:]}",
        f"{ID[:6]}-{ID[6:14]}-{ID[14:].lower()}",
        f"{OLD}99",
        *([wide] * ("16" not in name)),
    ]
    rows = tuple((f"P0000000000{place}", "", note, "1") for place, note in enumerate([*written, OTHER]))
    thing = agreed(dialect)
    deliver(settings, thing, write(rows, dialect))
    sought = Sought(ids=[OLD, ID])
    assert len(traces(settings, sought)) == 2
    assert erase(settings, thing, sought).landing_lines == len(written)
    assert (traces(settings, sought), in_force(settings)["note"].to_list()) == ([], [OTHER])


TRADER = "92710000MA10A2B33K"


def about_entities() -> Contract:
    """Things that are about an organisation, with who acts for it, and its partner, of whom they are not."""
    subject = Mention("entity", "subject", {"code": ("entity_code",)}, is_subject=True)
    partner = Mention("entity", "partner", {"code": ("partner_code",)})
    person = Mention("person", "agent", {"id": ("citizen_id",), "name": ("agent_name",)})
    return contract(
        column("thing_id", heading="编号", required=True, primary_key=True),
        column("entity_code", heading="代码"),
        column("partner_code", heading="对方"),
        column("citizen_id", heading="证件"),
        column("agent_name", heading="姓名"),
        column("count", "integer", heading="数量"),
        mentions=(subject, partner, person),
    )


def things(*rows: tuple[str, ...]) -> bytes:
    return "".join(f"{','.join(row)}\n" for row in (("编号", "代码", "对方", "证件", "姓名", "数量"), *rows)).encode()


def test_a_row_about_a_persons_business_goes_and_one_that_only_names_it_stays(settings: Settings) -> None:
    # A rejected row was never anybody's record, so its number is unknown: the code in it tells.
    wide = "".join(chr(ord(one) + 0xFEE0) for one in TRADER)
    rows = [
        ("T1", TRADER, "", "", "王小明", "1"),
        ("T2", f"{TRADER[:8]} {TRADER[8:].lower()}", "", "", "", "2"),
        ("T3", wide, "", "", "", "bad"),
        ("T4", TRADER, "", OTHER, "李雷", "4"),
        ("T5", "", TRADER, "", "", "5"),
        ("T6", "", TRADER, "", "", "bad"),
    ]
    thing = about_entities()
    deliver(settings, thing, things(*rows))
    sought = Sought(ids=[ID], codes=[TRADER])
    assert sum(lines_left(settings, {thing.dataset: thing}, sought).values()) == 3
    erased = erase(settings, thing, sought)
    assert (erased.landing_lines, erased.raw_rows, erased.quarantine_rows) == (3, 2, 1)
    assert in_force(settings)["thing_id"].to_list() == ["T4", "T5"]
    assert lines_left(settings, {thing.dataset: thing}, sought) == {}


def test_an_id_of_two_persons_tells_whose_a_row_is_where_only_one_has_the_name(settings: Settings) -> None:
    # The id alone tells of nobody, so a row of a register that numbers neither would be nobody's for good.
    thing = about_entities()
    rows = [("T1", "", "", ID, "王小明", "1"), ("T2", "", "", OLD, "王 小明", "bad"), ("T3", "", "", ID, "李雷", "3")]
    deliver(settings, thing, things(*rows, ("T4", "", "", ID, "", "4"), ("T5", "", "", OTHER, "王小明", "5")))
    sought = Sought(ids=[], shared_ids=[OLD, ID], named_ids=[f"{ID}|王小明"])
    assert erase(settings, thing, sought).landing_lines == 2
    assert in_force(settings)["thing_id"].to_list() == ["T3", "T4", "T5"]
