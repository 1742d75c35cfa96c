"""A small lake of one office that persons are erased from: what it has, its nights, and where a person still is."""

from datetime import date
from pathlib import Path

from citylake.contracts.model import Contract, load_contracts
from citylake.identity.resolve import resolve_identities
from citylake.lake.attach import open_lakes
from citylake.lake.deliveries import manifests
from citylake.lake.lock import writer_lock
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones, prepare
from ingestion.landing import land
from ingestion.loading import load_delivery
from orchestration.erasure import ask, carry_on, finish
from tests.ingestion.support import CONTRACT
from tests.lake.support import publish

DAY = date(2026, 11, 20)
ID, OTHER = "11010519491231002X", "440524188001010014"
CITIZEN = """
      - name: citizen_id
        physicalName: 证件
        businessName: 证件 Id
        logicalType: string
        classification: identifier
        customProperties: [{property: check, value: citizen_id}, {property: severity, value: warning}]
"""
MENTIONS = """
  - {property: mentions, value: [{names: person, role: subject, id: citizen_id}]}"""
BASIS = "个人信息保护法第47条"


PERMITS = """
apiVersion: v3.1.0
kind: DataContract
id: office.permit
name: permit
version: 1.0.0
status: active
domain: base
description: {purpose: 测试 Test}
team: {name: 办公室 Office}
servers: [{server: landing, type: local, format: csv, path: "office/permit/permit_*.csv*"}]
customProperties:
  - {property: deliveryMode, value: append}
  - {property: legalBasis, value: 无 None}
  - property: mentions
    value:
      - {names: entity, role: holder, isSubject: true, code: entity_code}
      - {names: person, role: agent, id: citizen_id, name: agent_name}
schema:
  - name: permit
    businessName: 许可 Permit
    properties:
      - {name: permit_no, physicalName: 编号, businessName: 编号 No, primaryKey: true, logicalType: string}
      - {name: entity_code, physicalName: 代码, businessName: 代码 Code, logicalType: string}
      - {name: citizen_id, physicalName: 证件, businessName: 证件 Id, logicalType: string, classification: identifier}
      - {name: agent_name, physicalName: 姓名, businessName: 姓名 Name, logicalType: string, classification: identifier}
"""


def settings_of(folder: Path) -> Settings:
    return Settings(home=folder / "home", contracts=folder / "contracts", threads=1, memory_limit="512MB")


def found(folder: Path) -> Settings:
    """An empty home, and the contracts of these tests."""
    made = settings_of(folder)
    prepare(made)
    office = made.contracts / "office"
    office.mkdir(parents=True)
    text = CONTRACT.format(version="1.0.0", tolerance=0.5).rstrip() + CITIZEN
    (office / "thing.odcs.yaml").write_text(text.replace("value: snapshot}", f"value: append}}{MENTIONS}"), "utf-8")
    (office / "permit.odcs.yaml").write_text(PERMITS, "utf-8")
    return made


def thing(settings: Settings) -> Contract:
    return load_contracts(settings.contracts)["office.thing"]


def deliver(settings: Settings, body: str, day: date = DAY) -> None:
    file = settings.home.parent / "export.csv"
    file.write_text(f"编号,数量,证件\n{body}", "utf-8")
    load_delivery(settings, thing(settings), land(settings, file, thing(settings), day), f"night {day}")


def night(settings: Settings, run_id: str) -> None:
    """What a night does, so far as persons are concerned: staging as it is in force, identity, a mart, a release."""
    files = [str(folder / manifest.accepted_file) for manifest, folder, _ in manifests(Zones.of(settings))]
    with open_lakes(settings) as lake:
        lake.execute("create schema if not exists vault.staging; create schema if not exists people.base")
        lake.execute("create schema if not exists city.base; create or replace table city.base.one as select 1 as one")
        lake.execute(
            "create or replace table vault.staging.stg_office__thing as select thing_id, citizen_id, count, "
            "_delivery_id, _extract_date, _line, false as is_deleted from read_parquet(?)",
            [files],
        )
    resolve_identities(settings, run_id, DAY)
    with open_lakes(settings) as lake:
        lake.execute(
            "create or replace table people.base.dim_person as "
            "select distinct person_key from vault.identity.person_record"
        )
    publish(settings, run_id)


def key_of(settings: Settings, number: str) -> str:
    with open_lakes(settings, ("vault",), read_only=True) as lake:
        row = lake.execute(
            "select person_key from vault.identity.person_record where register_no = ?", [number]
        ).fetchone()
    assert row is not None
    return str(row[0])


def bytes_with(settings: Settings, *words: str) -> list[str]:
    """Files in whose bytes a word stands, by other means than the proof's."""
    files = (path for path in settings.home.rglob("*") if path.is_file())
    return [path.name for path in files if any(word.encode() in path.read_bytes() for word in words)]


def erased(city: Settings) -> None:
    with writer_lock(city, "test"):
        ask(city, key_of(city, "T0000000001"), BASIS, "officer")
        carry_on(city)
        night(city, "run-002")
        finish(city)


def erase_at_source(city: Settings) -> None:
    with writer_lock(city, "test"):
        ask(city, key_of(city, "T0000000001"), BASIS, "officer")
        carry_on(city)
