"""A tiny city that passes its audit, by hand: deliveries, staging, marts and indicators in a temporary home."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from citylake.governance.audit import run_audit
from citylake.governance.results import CheckResult
from citylake.identity.tables import LINKAGE_RUN
from citylake.lake.attach import open_lakes
from citylake.lake.deliveries import Manifest, delivery_folder, read_ledger, write_ledger
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones, prepare

RUN, AS_OF = "20261101T180000Z-0001", date(2026, 10, 31)

# A name, an id (of a division that no real person has, with its check character), a phone: all made up.
NAME, CITIZEN_ID, PHONE = "甄试样", "710000199001010015", "13900000000"

SCRIPTS = (
    f"""
    begin; create schema vault.staging;
    create table vault.staging.stg_public_security__person_register as
        select 'P0000000001' as register_no, '{CITIZEN_ID}' as citizen_id, '{NAME}' as person_name,
            '样板路1号101室' as residence_address, '{PHONE}' as phone;
    create table vault.staging.stg_market_supervision__entity_register as
        select '91320200000000000X' as registration_code, '样板机械有限公司' as entity_name,
            '样板五金有限公司' as legal_representative;
    create table vault.staging.stg_urban_management__urban_case as
        select '3202000000000000001' as case_code, '{PHONE}' as reporter_phone, '甄先生反映路灯不亮' as description;
    create schema vault.identity; create table vault.identity.linkage_run ({LINKAGE_RUN});
    insert into vault.identity.linkage_run by name
        select '{RUN}' as run_id, kind, '1' as model_version, 4000 as mentions, 3900 as records, 2000 as keys,
            400 as loose_mentions, 40 as unlinked_mentions, 100 as nobody_mentions, 9 as largest_cluster,
            30 as largest_cluster_records, 0 as contradictory_decisions, 0.0 as precision_n, 0.0 as recall_n
        from (values ('person'), ('entity')) as kinds(kind);
    commit;
    """,
    """
    begin; create schema people.base;
    create table people.base.dim_person as
        select 'a1b2c3d4e5f60718293a4b5c6d7e8f90' as person_key, 1990 as birth_year, '320205' as region_code;
    commit;
    """,
    f"""
    begin;
    create schema city.base; create schema city.governance; create schema city.exchange; create schema city.indicator;
    create table city.base.dim_region as
        select * from (values
            ('320200', 'city', '无锡市', 'Wuxi'), ('320205', 'district', '锡山区', 'Xishan'),
            ('320205-U', 'street', '未落实到街道', 'Unallocated')
        ) as region(region_code, region_level, region_name_zh, region_name_en);
    create table city.base.dim_department as
        select 'urban_management' as department_code, '城市管理局' as department_name_zh,
            'Urban Management' as department_name_en;
    create table city.base.dim_date as
        select '2026-10-31'::date as date_day, 'statutory' as calendar_source;
    create table city.base.dim_entity as
        select * from (values
            ('k1', '91320200000000000X', '样板机械有限公司', false, '样板路1号', '320205'),
            ('k2', '91320200000000001X', '样板五金有限公司', false, '样板路2号', '320205'),
            ('k3', '92320200000000002X', null, true, null, '320205')
        ) as entity(entity_key, registration_code, entity_name, is_sole_trader, domicile, region_code);
    create table city.governance.fct_urban_case as select 'c1' as case_key, 'lamp' as note, '320205' as region_code;
    create table city.exchange.fct_delivery as
        select 'd1' as delivery_id, 'urban_management.urban_case' as dataset, 'in_force' as status;
    create table city.indicator.dim_indicator as
        select * from (values
            ('G08', 'sum', true, 'urban_management.urban_case', 'city, district, street', 'month'),
            ('E02', 'sum', false, 'market_supervision.entity_register', 'city, district, street', 'month'),
            ('E14', 'none', false, 'urban_management.urban_case', 'city', 'year')
        ) as indicator(indicator_id, roll_up, is_share, datasets, region_levels, period_type);
    create table city.indicator.indicator_value as
        select 'G08' as indicator_id, 'month' as period_type, '2026-10-01'::date as period_start, region_code,
            region_level, null::varchar as department_code, 3.0::double as numerator, 4.0::double as denominator,
            75.0::double as value, '{RUN}' as run_id
        from city.base.dim_region;
    commit;
    """,
)


@dataclass
class Audited:
    """The home of one test: break something, then audit."""

    home: Path
    allow_mixed_origin: bool = False
    accept_fewer_rows: str | None = None
    accept_linkage: str | None = None
    connection: duckdb.DuckDBPyConnection = field(init=False)

    def __post_init__(self) -> None:
        prepare(self.settings)
        self.connection = open_lakes(self.settings)
        for script in SCRIPTS:
            self.connection.execute(script)
        self.deliver("public_security.person_register", "register_no", ["P0000000001"])
        self.deliver("market_supervision.entity_register", "registration_code", ["91320200000000000X"])
        self.deliver("urban_management.urban_case", "case_code", ["3202000000000000001"])

    @property
    def settings(self) -> Settings:
        return Settings(
            home=self.home,
            threads=1,
            allow_mixed_origin=self.allow_mixed_origin,
            accept_fewer_rows=self.accept_fewer_rows,
            accept_linkage=self.accept_linkage,
        )

    @property
    def zones(self) -> Zones:
        return Zones.of(self.settings)

    def run(self, *statements: str) -> None:
        for statement in statements:
            self.connection.execute(statement)

    def deliver(self, dataset: str, key: str, keys: list[str], **claims: object) -> Path:
        """A delivery with one row a key; ``claims`` overrides what its manifest says. Returns its folder."""
        manifest = Manifest.model_validate(
            {
                "dataset": dataset,
                "extract_date": AS_OF,
                "sha256": f"{len(list(self.zones.raw.glob('*/*/*/*'))):064x}"[::-1],
                "revision": 0,
                "mode": "upsert",
                "status": "accepted",
                "origin": "synthetic",
                "received_at": datetime(2026, 10, 31, 12, tzinfo=UTC),
                "loaded_at": datetime(2026, 10, 31, 18, tzinfo=UTC),
                "run_id": RUN,
                "file_name": "x",
                "file_size": 1,
                "file_mtime_ns": 1,
                "contract_version": "1.0.0",
                "rows_read": len(keys),
                "rows_accepted": len(keys),
                **claims,
            }
        )
        folder = delivery_folder(self.zones.raw, dataset, manifest.extract_date, manifest.sha256)
        folder.mkdir(parents=True)
        pl.DataFrame({key: keys}).write_parquet(folder / "accepted.parquet")
        (folder / "manifest.json").write_text(manifest.model_dump_json(), encoding="utf-8")
        return folder

    def audit(self) -> dict[str, CheckResult]:
        write_ledger(read_ledger(self.zones), self.zones)
        return {result.check_id: result for result in run_audit(self.settings, RUN, AS_OF)}

    def failures(self) -> dict[str, float]:
        """What failed, and how much was wrong; warnings apart."""
        return {check_id: found.observed for check_id, found in self.audit().items() if found.status == "failed"}


@pytest.fixture
def city(tmp_path: Path) -> Iterator[Audited]:
    audited = Audited(tmp_path)
    yield audited
    audited.connection.close()
