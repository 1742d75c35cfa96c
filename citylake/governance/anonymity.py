"""How far persons can be singled out by what is published of them: measured each night, shown, and no gate.

The measure is k-anonymity: how many share what somebody who knows a person from elsewhere could look up. Of persons in
``people`` that is birth year, sex and place; of natural persons' cases and decisions in ``city``, what was asked or
decided, where and on which day. A share of those who are alone with their combination is a share of those whom such a
neighbour would recognise; what else is then learned is what the row holds besides.
Source: P. Samarati, Protecting respondents' identities in microdata release, IEEE TKDE 13 (6), 2001.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from citylake.contracts.labels import Label
from citylake.governance.results import CheckResult, Subject

_FEW = 5


@dataclass(frozen=True)
class _Measured:
    """Rows of a table, and the columns by which somebody could be recognised in them."""

    check_id: str
    title: Label
    table: str
    columns: tuple[str, ...]
    condition: str = "true"


_MEASURED = (
    _Measured(
        "anonymity.person",
        Label("按出生年、性别、区划", "persons by birth year, sex and place"),
        "people.base.dim_person",
        ("birth_year", "sex_code", "region_code"),
    ),
    _Measured(
        "anonymity.service_case",
        Label("自然人办件按事项、区划、申请日期", "natural persons' service cases by task, place and day"),
        "city.service.fct_service_case",
        ("task_code", "region_code", "applied_date"),
        "applicant_type_code = 'person'",
    ),
    _Measured(
        "anonymity.credit_event",
        Label("自然人双公示按类别、机关、日期", "natural persons' licences and penalties by class, authority and day"),
        "city.credit.fct_credit_event",
        ("event_type", "class_code", "violation_type", "authority_code", "decision_date"),
        "subject_type = 'natural_person'",
    ),
)


def check(subject: Subject) -> Iterator[CheckResult]:
    """One figure a table that is there: ``observed`` is the share of rows alone with their combination, 0 to 1."""
    for one in _MEASURED:
        known = {column for table, column in subject.columns() if table == one.table}
        if {*one.columns} <= known:
            yield _result(subject, one)


def _result(subject: Subject, one: _Measured) -> CheckResult:
    row = subject.connection.execute(
        f"""
        select coalesce(sum(alike), 0), coalesce(sum(alike) filter (alike = 1), 0),
            coalesce(sum(alike) filter (alike < {_FEW}), 0), coalesce(min(alike), 0)
        from (
            select count(*) as alike from {one.table} where {one.condition}
            group by {", ".join(one.columns)}
        )
        """
    ).fetchone()
    rows, alone, few, least = map(int, row or (0, 0, 0, 0))
    share, share_few = (alone / rows, few / rows) if rows else (0.0, 0.0)
    return CheckResult(
        check_id=one.check_id,
        status="passed",
        observed=round(share, 6),
        expected=1,
        message=Label(
            f"可识别性{one.title.zh}：{rows} 行中组合唯一的占 {share:.1%}，不足 {_FEW} 行相同的占 {share_few:.1%}，"
            f"最少 {least} 行相同；仅供评估，不作门槛",
            f"{one.title.en}: of {rows} rows {share:.1%} are alone with theirs and {share_few:.1%} share it with fewer "
            f"than {_FEW - 1} others; k is {least}. A measure of risk, no gate",
        ),
    )
