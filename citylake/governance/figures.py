"""The indicators' own rules, checked on the values that are about to be shown."""

from collections.abc import Iterator

from citylake.contracts.labels import Label
from citylake.governance.results import CheckResult, Subject, nothing_wrong

_CHECKS: dict[str, tuple[Label, str]] = {
    "indicator.rolls_up": (
        Label(
            "项指标的全市、各区、各街道之和不一致", "indicators whose city, districts and streets do not add up alike"
        ),
        """
        with level as (
            select
                indicator_id, definition.period_type, period_start, department_code, region_level, region_levels,
                sum(numerator::decimal(38, 6)) as numerator, sum(denominator::decimal(38, 6)) as denominator
            from city.indicator.indicator_value
            inner join city.indicator.dim_indicator as definition using (indicator_id)
            where definition.roll_up = 'sum'
            group by all
        ),
        uneven as (
            select indicator_id from level
            group by indicator_id, period_type, period_start, department_code, region_levels
            having count(distinct (numerator, denominator)) > 1 or count(*) <> len(string_split(region_levels, ', '))
        )
        select count(distinct indicator_id) from uneven
        """,
    ),
    "indicator.shares_within_100": (
        Label("个占比超过 100% 或小于 0", "shares above 100 % or below 0"),
        """
        select count(*) from city.indicator.indicator_value
        inner join city.indicator.dim_indicator using (indicator_id)
        where is_share and (value not between 0 and 100)
        """,
    ),
    "indicator.no_value_without_denominator": (
        Label("个数值的分母为零却有值，或分母不为零却无值", "values over a zero denominator, or missing over another"),
        """
        select count(*) from city.indicator.indicator_value
        where denominator is not null and (denominator = 0) <> (value is null)
        """,
    ),
    "indicator.current_month_has_values": (
        Label(
            "项指标没有本批次的当月全市数值", "indicators without a value of this run for the city and current month"
        ),
        """
        with wanted as (
            select indicator_id from city.indicator.dim_indicator as definition
            where period_type = 'month' and list_has_all(
                (select coalesce(list(distinct dataset), []) from city.exchange.fct_delivery where status = 'in_force'),
                if(datasets = '', [], string_split(datasets, ', '))
            )
        )
        select count(*) from wanted
        where indicator_id not in (
            select indicator_id from city.indicator.indicator_value
            where run_id = $run_id and region_level = 'city' and department_code is null
                and period_type = 'month' and period_start = date_trunc('month', $as_of::date)
        )
        """,
    ),
}


def check(subject: Subject) -> Iterator[CheckResult]:
    """Roll-up, bounds, denominators, and that there are values at all."""
    for check_id, (what, sql) in _CHECKS.items():
        parameters = {"run_id": subject.run_id, "as_of": subject.as_of} if "$run_id" in sql else {}
        row = subject.connection.execute(sql, parameters).fetchone()
        wrong = int(row[0]) if row else 0
        yield nothing_wrong(check_id, wrong, Label(f"{wrong} {what.zh}", f"{wrong} {what.en}"))
