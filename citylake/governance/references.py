"""What the marts refer to: regions, keys, the calendar, the origin of the data, and the release before this one."""

from collections.abc import Iterator

import polars as pl

from citylake.contracts.labels import Label
from citylake.governance.results import CheckResult, Status, Subject, nothing_wrong
from citylake.lake.account import whoami
from citylake.lake.errors import NoRelease
from citylake.lake.releases import current_release

KEYS: dict[str, tuple[str, ...]] = {
    "people.base.dim_person": ("person_key",),
    "city.base.dim_date": ("date_day",),
    "city.base.dim_entity": ("entity_key",),
    "city.base.dim_region": ("region_code",),
    "city.base.bridge_entity_registration": ("entity_key", "registration_code"),
    "city.base.fct_entity_person_count": ("entity_key", "relation"),
    "people.base.key_history": ("kind", "old_key", "new_key", "changed_date", "current_key"),
    "city.base.entity_key_history": ("old_key", "new_key", "changed_date", "current_key"),
    "people.base.bridge_person_entity": ("person_key", "entity_key", "relation", "valid_from"),
    "city.governance.fct_urban_case": ("case_key",),
    "city.service.fct_service_case": ("case_key",),
    "city.credit.fct_credit_event": ("credit_event_key",),
    "city.exchange.fct_delivery": ("delivery_id",),
    "city.indicator.indicator_value": ("indicator_id", "period_type", "period_start", "region_code", "department_code"),
    "city.indicator.indicator_vintage": (
        *("indicator_id", "period_type", "period_start", "region_code", "department_code", "run_id"),
    ),
}

_REPEATED = "select count(*) - (select count(*) from (select distinct {key} from {table})) from {table}"

COLLAPSE_FAILS, COLLAPSE_WARNS = 0.5, 0.9
"""A table that keeps less than this share of the rows of the last release fails, or warns."""

COLLAPSE_MIN_ROWS = 100
"""Smaller tables come and go."""


def check(subject: Subject) -> Iterator[CheckResult]:
    """Regions, keys, calendar, origin, and row counts against the last release."""
    yield _regions_are_known(subject)
    yield _keys_are_unique(subject)
    yield _calendar_is_decided(subject)
    yield _origins_do_not_mix(subject)
    yield _tables_have_not_collapsed(subject)


def _regions_are_known(subject: Subject) -> CheckResult:
    unknown = {
        table: count
        for table, _ in subject.columns(named="region_code")
        if (
            count := subject.count(
                f"select count(*) from {table} "
                "where region_code is null or region_code not in (select region_code from city.base.dim_region)"
            )
        )
    }
    listed = ", ".join(f"{table} ({count})" for table, count in unknown.items())
    return nothing_wrong(
        "region.known",
        sum(unknown.values()),
        Label(f"区划代码缺失或未知的行：{listed or '无'}", f"rows without a known region: {listed or 'none'}"),
    )


def _keys_are_unique(subject: Subject) -> CheckResult:
    repeated = {
        table: count
        for table, key in KEYS.items()
        if table in subject.tables and (count := subject.count(_REPEATED.format(table=table, key=", ".join(key))))
    }
    listed = ", ".join(f"{table} ({count})" for table, count in repeated.items())
    return nothing_wrong(
        "key.unique",
        sum(repeated.values()),
        Label(f"主键重复的行：{listed or '无'}", f"rows that repeat a key: {listed or 'none'}"),
    )


def _calendar_is_decided(subject: Subject) -> CheckResult:
    """A warning: in a year whose holidays are not decided or not known yet, deadlines run on weekends alone."""
    decided = subject.count(
        "select count(*) from city.base.dim_date "
        "where extract(year from date_day) = ? and calendar_source = 'statutory'",
        subject.as_of.year,
    )
    year = subject.as_of.year
    return nothing_wrong(
        "calendar.known",
        int(decided == 0),
        Label(
            f"{year} 年工作日历{'已知' if decided else '未知，期限暂按周末推算'}",
            f"the work calendar of {year} is {'known' if decided else 'not known: deadlines run on weekends alone'}",
        ),
        otherwise="warned",
    )


def _origins_do_not_mix(subject: Subject) -> CheckResult:
    origins = sorted(subject.in_force["origin"].unique().to_list())
    return CheckResult(
        check_id="origin.single",
        status="passed" if len(origins) <= 1 else "warned" if subject.settings.allow_mixed_origin else "failed",
        observed=len(origins),
        expected=1,
        message=Label(
            f"有效交付的来源：{'、'.join(origins) or '无'}；合成数据与真实数据不得混用",
            f"origins of the deliveries in force: {', '.join(origins) or 'none'}; synthetic and real data must not mix "
            "unless citylake refresh --allow-mixed, or CITYLAKE_ALLOW_MIXED_ORIGIN, asks for it",
        ),
    )


def _tables_have_not_collapsed(subject: Subject) -> CheckResult:
    """Fewer rows than in the last release. What somebody decided only warns: to withdraw, to correct, to accept it."""
    check_id = "rows.no_collapse"
    try:
        last = current_release(subject.zones)
    except NoRelease:
        return nothing_wrong(check_id, 0, Label("首次发布，无可比较", "the first release: nothing to compare with"))
    shares = {
        table: subject.count(f"select count(*) from {table}") / rows if table in subject.tables else 0.0
        for table, rows in last.rows.items()
        if rows >= COLLAPSE_MIN_ROWS and not table.endswith(".fct_audit_check")
    }
    fallen = {table: share for table, share in shares.items() if share < COLLAPSE_WARNS}
    then = {delivery for ids in last.deliveries.values() for delivery in ids}
    undone = subject.ledger.filter(pl.col("status").is_in(["withdrawn", "superseded"]))
    is_explained = bool(then & set(undone["delivery_id"].to_list()))
    has_collapsed = any(share < COLLAPSE_FAILS for share in fallen.values()) and not is_explained
    accepted = subject.settings.accept_fewer_rows if has_collapsed else None
    status: Status = "failed" if has_collapsed and accepted is None else "warned" if fallen else "passed"
    listed = ", ".join(f"{table} ({share:.0%})" for table, share in sorted(fallen.items()))
    return CheckResult(
        check_id=check_id,
        status=status,
        observed=round(min(shares.values(), default=1.0), 4),
        expected=COLLAPSE_FAILS,
        message=_collapse_message(listed, accepted, is_failed=status == "failed"),
    )


def _collapse_message(listed: str, accepted: str | None, *, is_failed: bool) -> Label:
    """Which tables, and who accepted it why: this is the record, published with the release's checks."""
    zh = f"与上次发布相比行数明显减少的表：{listed or '无'}"
    en = f"tables with far fewer rows than in the last release: {listed or 'none'}"
    if accepted is not None:
        zh, en = f"{zh}；由 {whoami()} 确认：{accepted}", f"{en}; accepted by {whoami()}: {accepted}"
    if is_failed:
        option = 'citylake refresh --accept-fewer-rows "…"'
        zh, en = f"{zh}；如属实请说明原因后放行：{option}", f"{en}; if it is so, let it pass and say why: {option}"
    return Label(zh, en)
