-- One row per month and place: persons insured through an employer at the month's end.
-- Grain: month_date, region_code.
-- Nuance: the month of the data ends on its day. The place is the employer's, or a coarser one where its own would tell
-- of an employer with few (int_employer_place); an employer that the register does not know is in the city. Whoever has
-- several employers at a time counts once, at the one that came last.
with employment as (
    select
        person_key,
        entity_key,
        entity_record_key,
        valid_from,
        coalesce(valid_to, date '9999-12-31') as valid_to
    from {{ ref('bridge_person_entity') }}
    where relation = 'employed_by'
),

-- An employment within the time of an earlier one adds nobody.
compared as (
    select
        *,
        max(valid_to) over (
            partition by person_key order by valid_from asc, valid_to desc, entity_record_key asc
            rows between unbounded preceding and 1 preceding
        ) as insured_until
    from employment
),

counted as (
    select
        person_key,
        entity_key,
        valid_from,
        least(valid_to, lead(valid_from) over (partition by person_key order by valid_from) - 1) as valid_to
    from compared
    where coalesce(valid_to > insured_until, true)
),

city as (
    select region_code from {{ ref('dim_region') }}
    where region_level = 'city' and not is_unallocated
),

insured as (
    select
        coalesce(place.region_code, city.region_code) as region_code,
        counted.valid_from as registered_date,
        case when counted.valid_to < date '9999-12-31' then counted.valid_to + 1 end as cancelled_date,
        true as is_in_stock
    from counted
    cross join city
    left join {{ ref('int_employer_place') }} as place on counted.entity_key = place.entity_key
),

by_month as (
    {{ stock_by_month('insured') }}
)

select
    month_date,
    region_code,
    region_level,
    stock_count as insured_count
from by_month
