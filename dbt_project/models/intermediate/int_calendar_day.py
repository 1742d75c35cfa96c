"""One row per calendar day from 2015 to the second year after the run's, with what the State Council decided about it.

A limit of 365 working days, the longest that a contract allows, ends within two years. Only the decisions are here, from the package chinesecalendar; what follows from them is SQL, in dim_date. A year that
the package does not know yet falls back to weekends, and says so in calendar_source.
"""

from datetime import date, timedelta

import chinese_calendar
import pyarrow as pa

FIRST_DAY = date(2015, 1, 1)


def model(dbt, session):
    dbt.config(materialized="table")
    ((as_of,),) = dbt.source("ledger", "run").aggregate("max(as_of_date)").fetchall()
    length = (date(as_of.year + 3, 1, 1) - FIRST_DAY).days
    days = [decided(FIRST_DAY + timedelta(number)) for number in range(length)]
    return pa.Table.from_pylist(days, schema=SCHEMA)


SCHEMA = pa.schema(
    [
        ("date_day", pa.date32()),
        ("is_workday", pa.bool_()),
        ("holiday_name", pa.string()),
        ("calendar_source", pa.string()),
    ]
)


def decided(day):
    """What is known about one day: whether people work, and the holiday that it is or was moved for."""
    try:
        is_holiday, holiday = chinese_calendar.get_holiday_detail(day)
    except NotImplementedError:
        return {"date_day": day, "is_workday": day.weekday() < 5, "holiday_name": None, "calendar_source": "weekend_rule"}
    return {
        "date_day": day,
        "is_workday": not is_holiday,
        "holiday_name": holiday,
        "calendar_source": "statutory",
    }
