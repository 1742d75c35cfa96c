"""One row per calendar day, with what the State Council decided about it: from 2015 to the second year after the run's.

A limit of 365 working days, the longest that a contract allows, ends within those years. Only the decisions are here,
from the package chinesecalendar; what follows from them is SQL, in dim_date. A year that the package does not know yet
falls back to weekends, and says so in calendar_source.
"""

from datetime import date, timedelta
from typing import Any

import chinese_calendar

FIRST_DAY = date(2015, 1, 1)


def model(dbt: Any, session: Any) -> Any:
    dbt.config(materialized="table")
    ((as_of,),) = dbt.source("ledger", "run").aggregate("max(as_of_date)").fetchall()
    length = (date(as_of.year + 3, 1, 1) - FIRST_DAY).days
    days = [FIRST_DAY + timedelta(number) for number in range(length)]
    is_workday, holiday_name, calendar_source = zip(*map(decided, days), strict=True)
    return session.sql(
        """
        select
            unnest(cast($1 as date[])) as date_day,
            unnest(cast($2 as boolean[])) as is_workday,
            unnest(cast($3 as varchar[])) as holiday_name,
            unnest(cast($4 as varchar[])) as calendar_source
        """,
        params=[days, list(is_workday), list(holiday_name), list(calendar_source)],
    )


def decided(day: date) -> tuple[bool, str | None, str]:
    """Whether people work on this day, the holiday that it is or was moved for, and who says so."""
    try:
        is_holiday, holiday = chinese_calendar.get_holiday_detail(day)
    except NotImplementedError:
        return day.weekday() < 5, None, "weekend_rule"
    return not is_holiday, holiday, "statutory"
