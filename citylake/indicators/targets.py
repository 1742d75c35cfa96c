"""Targets: whether those that were set make sense, and which one holds for a figure.

They are set in ``dbt_project/seeds/indicator_target.csv``, with who, when and source; dbt loads that file into
``city.indicator.indicator_target``.
"""

import duckdb

from citylake.lake.errors import UsageError

_NONSENSE = """
select distinct target.indicator_id, reason
from city.indicator.indicator_target as target
left join registry as indicator on target.indicator_id = indicator.indicator_id
cross join lateral (
    select unnest([
        if(indicator.indicator_id is null, 'there is no such indicator', null),
        if(indicator.direction in ('up', 'down') and target.direction <> indicator.direction,
           'its direction is the opposite of the indicator''s', null),
        if(target.valid_to <= target.valid_from, 'it ends before it begins', null),
        if(exists (
            select 1 from city.indicator.indicator_target as other
            where other.indicator_id = target.indicator_id and other.region_code = target.region_code
                and other.valid_from > target.valid_from
                and other.valid_from < coalesce(target.valid_to, 'infinity'::date)
        ) or (
            select count(*) from city.indicator.indicator_target as other
            where other.indicator_id = target.indicator_id and other.region_code = target.region_code
                and other.valid_from = target.valid_from
        ) > 1, 'two targets for one region hold on the same day', null)
    ]) as reason
) as problem
where reason is not null
order by all
"""

# A rate's target holds for every part of its region that has none of its own; the finest one wins. A count's target
# cannot be handed down: a street does not owe what a city owes.
_RESOLVE = """
create or replace temp table target_in_force as
select
    period.period_type,
    period.period_start,
    indicator.indicator_id,
    region.region_code,
    arg_max(struct_pack(value := target.value, direction := target.direction),
            list_position([region.city_code, region.district_code, region.region_code], target.region_code)) as target
from city.indicator.indicator_target as target
inner join indicator on target.indicator_id = indicator.indicator_id
inner join period
    on indicator.period_type = period.period_type
    and period.period_end >= target.valid_from
    and period.period_end < coalesce(target.valid_to, 'infinity'::date)
inner join city.base.dim_region as region
    on target.region_code = region.region_code
    or (indicator.denominator_metric is not null and target.region_code in (region.city_code, region.district_code))
where region.region_level in ('city', 'district', 'street')
group by all
"""


def check_targets(connection: duckdb.DuckDBPyConnection) -> None:
    """Raise UsageError when a target names no indicator, contradicts its direction, or overlaps another.

    Needs the temporary table ``registry``: an indicator without values may have a target all the same.
    """
    problems = connection.execute(_NONSENSE).fetchall()
    if problems:
        listed = "; ".join(f"{indicator_id}: {reason}" for indicator_id, reason in problems)
        raise UsageError(f"dbt_project/seeds/indicator_target.csv: {listed}. No value was written; mend the file.")


def resolve_targets(connection: duckdb.DuckDBPyConnection) -> None:
    """Fill the temporary table ``target_in_force``; needs the temporary tables ``indicator`` and ``period``."""
    connection.execute(_RESOLVE)
