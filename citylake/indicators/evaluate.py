"""Evaluate the indicators: from the facts in ``city`` to ``city.indicator``.

MetricFlow says what a numerator and a denominator are, at the finest grain; here they are rolled up exactly, street to
district to city, and divided last. A rate is never averaged. What cannot be added (a median, a count of distinct
things) MetricFlow computes at each level. Rules: a zero denominator gives no value; what has no row is zero, but the
median of nothing no value; a dataset that nobody delivered gives no rows at all, nor does a month before the first
delivery where deliveries themselves are counted. What is computed by year has those years alone that the facts name.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from citylake.indicators.metric_sql import Question, metric_sql
from citylake.indicators.registry import Indicator, read_registry
from citylake.indicators.tables import DIM_INDICATOR, SCHEMA, create
from citylake.indicators.targets import check_targets, resolve_targets
from citylake.indicators.vintages import append_changed, forget_unpublished
from citylake.lake.attach import open_lakes
from citylake.lake.releases import published_run_ids
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones

MONTHS_BACK = 14
"""How many months before the current one are computed anew each night."""

LARGE_DENOMINATOR = 100
"""From this denominator on, a rate of exactly 100 % is flagged: its denominator may be missing what failed."""

# Every amount is made a decimal before it is added, so that the sum over streets is the sum over districts to the last
# digit. What dim_region does not know, or has no place, belongs to the city, hence to its unallocated members.
_ROLL_UP = """
create or replace temp table rolled as
with located as (
    select
        finest.metric, finest.period_type, finest.period_start, finest.department_code, finest.amount,
        unnest(['city', 'district', 'street']) as region_level,
        unnest([region.city_code, region.district_code, region.street_code]) as region_code
    from finest
    left join city.base.dim_region as known on finest.region_code = known.region_code
    inner join city.base.dim_region as region
        on region.region_code = coalesce(known.region_code, (
            select region_code from city.base.dim_region where region_level = 'city' and not is_unallocated
        ))
)
select metric, period_type, period_start, region_level, region_code, department_code,
    grouping(department_code) = 1 as is_all_departments, sum(amount) as amount
from located
group by grouping sets (
    (metric, period_type, period_start, region_level, region_code),
    (metric, period_type, period_start, region_level, region_code, department_code)
)
having is_all_departments or department_code is not null
"""

# What cannot be added is there as MetricFlow computed it. Without a place it is the whole city.
_AT_LEVEL = """
insert into rolled by name
select
    $1 as metric, $4 as period_type, period_start, $2 as region_level,
    if($2 = 'city',
       (select region_code from city.base.dim_region where region_level = 'city' and not is_unallocated),
       region_code) as region_code,
    department_code, $3 as is_all_departments, amount
from ({sql})
where amount is not null and ($2 = 'city' or region_code is not null) and ($3 or department_code is not null)
"""

# Every month has every region that was valid in it, and every department that the indicator ever named; and whatever
# else the facts name. Years are those that the facts name. Where deliveries are counted, a month before the first one
# is not zero: nobody was asked yet. What comes at no fixed time, such as an archive of old years, begins nothing beside
# what does.
_KEYS = """
create or replace temp table value_key as
with delivered as (
    select delivery.*, dataset.dataset is not null as is_unscheduled
    from city.exchange.fct_delivery as delivery
    left join city.exchange.dim_dataset as dataset
        on delivery.dataset = dataset.dataset and dataset.frequency_days is null
    where delivery.status <> 'withdrawn'
),
beginning as (
    select * from delivered
    where is_unscheduled = (select bool_and(is_unscheduled) from delivered)
),
part as (
    select indicator.*, unnest([numerator_metric, denominator_metric]) as metric from indicator
),
found as (
    select distinct
        part.indicator_id, rolled.period_type, rolled.period_start, rolled.region_level, rolled.region_code,
        rolled.department_code
    from rolled
    inner join part on rolled.metric = part.metric and rolled.period_type = part.period_type
    where list_contains(part.region_levels, rolled.region_level)
        and (rolled.is_all_departments or part.has_department)
),
department as (
    select distinct indicator_id, department_code from found
    union
    select indicator_id, null from indicator
),
named as (
    select
        indicator.indicator_id, period.period_type, period.period_start, region.region_level, region.region_code,
        department.department_code
    from indicator
    inner join period on indicator.period_type = period.period_type and period.period_type = 'month'
    inner join city.base.dim_region as region
        on list_contains(indicator.region_levels, region.region_level)
        and coalesce(region.valid_from, '-infinity'::date) <= period.period_end
        and coalesce(region.valid_to, 'infinity'::date) > period.period_start
    inner join department on indicator.indicator_id = department.indicator_id
    union
    select indicator_id, period_type, period_start, region_level, region_code, department_code from found
)
select
    named.*,
    last_day((named.period_start + if(named.period_type = 'year', interval 11 month, interval 0 month))::date)
        as period_end
from named
inner join indicator on named.indicator_id = indicator.indicator_id
where not indicator.since_first_delivery or exists (
    select 1 from beginning as delivery
    where delivery.extract_date <= last_day(named.period_start)
        and delivery.department_code = coalesce(named.department_code, delivery.department_code)
)
"""

_YEARS = """
insert into period
select distinct period_type, period_start, period_end from value_key where period_type = 'year'
"""

_VALUES = f"""
insert into {SCHEMA}.indicator_value by name
with figure as (
    select
        value_key.*,
        indicator.scale,
        indicator.is_share,
        if(indicator.is_count, coalesce(top.amount, 0), top.amount)::double as numerator,
        if(indicator.denominator_metric is null, null, coalesce(bottom.amount, 0))::double as denominator
    from value_key
    inner join indicator on value_key.indicator_id = indicator.indicator_id
    left join rolled as top
        on top.metric = indicator.numerator_metric and top.period_type = value_key.period_type
        and top.period_start = value_key.period_start
        and top.region_level = value_key.region_level and top.region_code = value_key.region_code
        and top.department_code is not distinct from value_key.department_code
    left join rolled as bottom
        on bottom.metric = indicator.denominator_metric and bottom.period_type = value_key.period_type
        and bottom.period_start = value_key.period_start
        and bottom.region_level = value_key.region_level and bottom.region_code = value_key.region_code
        and bottom.department_code is not distinct from value_key.department_code
)
select
    figure.indicator_id,
    figure.period_type,
    figure.period_start,
    figure.period_end,
    figure.period_end <= $as_of as is_complete,
    figure.region_code,
    figure.region_level,
    figure.department_code,
    figure.numerator,
    figure.denominator,
    if(figure.denominator is null, figure.numerator, figure.scale * figure.numerator / nullif(figure.denominator, 0))
        as value,
    target_in_force.target.value as target,
    target_in_force.target.direction as target_direction,
    figure.is_share and figure.denominator >= {LARGE_DENOMINATOR} and figure.numerator = figure.denominator
        as is_flagged_100,
    $run_id as run_id,
    $as_of as data_as_of
from figure
left join target_in_force
    on figure.department_code is null
    and figure.indicator_id = target_in_force.indicator_id
    and figure.period_type = target_in_force.period_type
    and figure.period_start = target_in_force.period_start
    and figure.region_code = target_in_force.region_code
order by all
"""


def evaluate(settings: Settings, run_id: str, as_of: date, manifest: Path) -> dict[str, int]:
    """Compute every indicator up to ``as_of`` and put its values into the head of ``city``, all or nothing.

    The caller holds the writer's lock. ``manifest`` is the ``semantic_manifest.json`` that dbt made of the project.
    Returns how many indicators, values, values flagged by rule 8 and new vintages there are, and MetricFlow's time.
    """
    indicators = read_registry(manifest)
    first = _months_before(as_of.replace(day=1), MONTHS_BACK)
    began = time.perf_counter()
    questions = _questions(indicators)
    statements = metric_sql(manifest, questions, first, as_of)
    metricflow_ms = round(1000 * (time.perf_counter() - began))
    with open_lakes(settings, ("city",)) as connection:
        _register(connection, indicators, first, as_of)
        check_targets(connection)
        _roll_up(connection, dict(zip(questions, statements, strict=True)))
        resolve_targets(connection)
        counts = _write(connection, published_run_ids(Zones.of(settings)), run_id, as_of)
    return {"indicators": len(indicators), **counts, "metricflow_ms": metricflow_ms}


def _questions(indicators: Sequence[Indicator]) -> list[Question]:
    """What to ask MetricFlow: what adds up once, the rest at every level at which it is shown."""
    asked: dict[Question, None] = {}
    for indicator in indicators:
        definition = indicator.definition
        for part in indicator.parts:
            if part.is_additive:
                asked[Question(part, None, part.has_department, definition.period_type)] = None
                continue
            for level in definition.region_levels:
                for by_department in {False, definition.has_department}:
                    asked[Question(part, level, by_department, definition.period_type)] = None
    return list(asked)


def _register(connection: duckdb.DuckDBPyConnection, indicators: Sequence[Indicator], first: date, as_of: date) -> None:
    """Temporary tables ``registry`` (all), ``indicator`` (those whose datasets are in force) and ``period``."""
    rows = pl.DataFrame(
        [
            {
                **item.definition.model_dump(),
                "name_en": item.name_en,
                "definition_en": item.definition_en,
                "numerator_metric": item.numerator.name,
                "denominator_metric": None if item.denominator is None else item.denominator.name,
                "is_count": item.numerator.is_count,
            }
            for item in indicators
        ],
        schema_overrides={"denominator_metric": pl.String, "datasets": pl.List(pl.String)},
    )
    connection.register("registry_rows", rows.to_arrow())
    connection.execute("create or replace temp table registry as from registry_rows")
    connection.unregister("registry_rows")
    connection.execute(
        """
        create or replace temp table indicator as
        select * from registry
        where list_has_all(
            (select coalesce(list(distinct dataset), []) from city.exchange.fct_delivery where status = 'in_force'),
            datasets
        )
        """
    )
    connection.execute(
        """
        create or replace temp table period as
        select 'month' as period_type, period_start::date as period_start, last_day(period_start::date) as period_end
        from generate_series(?::date, ?::date, interval 1 month) as month(period_start)
        """,
        [first, as_of],
    )


def _roll_up(connection: duckdb.DuckDBPyConnection, statements: Mapping[Question, str]) -> None:
    """Temporary tables ``finest`` (as MetricFlow counts), ``rolled`` (every level) and ``value_key``."""
    connection.execute(
        "create or replace temp table finest (metric varchar, period_type varchar, period_start date, "
        "region_code varchar, department_code varchar, amount decimal(38, 6))"
    )
    for question, sql in statements.items():
        if question.level is None:
            connection.execute(
                f"insert into finest by name select ? as metric, ? as period_type, * from ({sql}) "
                "where amount is not null",
                [question.metric.name, question.period_type],
            )
    connection.execute(_ROLL_UP)
    for question, sql in statements.items():
        if question.level is not None:
            connection.execute(
                _AT_LEVEL.format(sql=sql),
                [question.metric.name, question.level, not question.by_department, question.period_type],
            )
    connection.execute(_KEYS)
    connection.execute(_YEARS)


def _write(connection: duckdb.DuckDBPyConnection, published: set[str], run_id: str, as_of: date) -> dict[str, int]:
    columns = ", ".join(
        f"array_to_string({name}, ', ') as {name}" if name in ("datasets", "region_levels") else name
        for name in DIM_INDICATOR
    )
    connection.begin()
    try:
        connection.execute(f"create schema if not exists {SCHEMA}")
        create(connection, "dim_indicator", replace=True)
        connection.execute(
            f"insert into {SCHEMA}.dim_indicator by name select {columns} from registry order by indicator_id"
        )
        create(connection, "indicator_value", replace=True)
        connection.execute(_VALUES, {"run_id": run_id, "as_of": as_of})
        forget_unpublished(connection, published)
        appended = append_changed(connection, run_id, as_of)
        counted = connection.execute(
            f"select count(*), count_if(is_flagged_100) from {SCHEMA}.indicator_value"
        ).fetchone()
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    values, flagged = counted or (0, 0)
    return {"values": values, "flagged_100": flagged, "vintages_appended": appended}


def _months_before(month: date, months: int) -> date:
    """The first day of the month so many months before; ``month`` is a first day too."""
    years, index = divmod(month.year * 12 + month.month - 1 - months, 12)
    return date(years, index + 1, 1)
