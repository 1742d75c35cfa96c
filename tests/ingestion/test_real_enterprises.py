"""The real register of Wuxi's enterprises: what is known of it by other means must come out of loading it."""

from datetime import date
from pathlib import Path

import polars as pl

from citylake.contracts.model import find_contract
from citylake.lake.deliveries import delivery_folder
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones, prepare
from ingestion.landing import land
from ingestion.loading import load_delivery


def test_every_row_of_the_real_register_is_kept(shared_data: Path, tmp_path: Path) -> None:
    # Its 112 odd old numbers are where a rule that is too strict would lose real enterprises.
    settings = Settings(home=tmp_path / "home")
    prepare(settings)
    contract = find_contract(settings.contracts, "market_supervision.entity_register")
    landed = land(settings, shared_data / "wuxi_enterprises.csv.gz", contract, date(2026, 11, 21))
    manifest = load_delivery(settings, contract, landed, "run")

    assert (manifest.status, manifest.origin) == ("accepted", "real")
    assert (manifest.rows_read, manifest.rows_accepted, manifest.rows_quarantined) == (16_518, 16_518, 0)
    assert manifest.rules_warned == {
        "key.repeated": 5,
        "registered_capital.pattern": 2,
        "registration_code.legacy": 677,
    }
    assert manifest.missing_columns == ["法定代表人", "登记状态", "注销日期"]
    folder = delivery_folder(Zones.of(settings).raw, manifest.dataset, manifest.extract_date, manifest.sha256)
    rows = pl.read_parquet(folder / "accepted.parquet").with_columns(
        is_legacy=pl.col("_warnings").list.contains("registration_code.legacy"),
        length=pl.col("registration_code").str.len_chars(),
    )
    by_form = dict(rows.group_by("length").len().iter_rows())
    assert by_form == {18: 15_841, 15: 570, 13: 101, 11: 2, 10: 4}
    assert rows.filter(pl.col("registration_code").str.contains("^[0-9]{15}$")).height == 565
    assert rows.filter(pl.col("is_legacy") != (pl.col("length") != 18)).is_empty()
    assert rows["entity_type"].str.contains("N/A").sum() == 0
