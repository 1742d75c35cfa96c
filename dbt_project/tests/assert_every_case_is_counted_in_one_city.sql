-- Every case in force is one row of the fact, and its place belongs to the one city. A join that drops or doubles
-- cases, or a place without a city, would make the districts' sum differ from what the department delivered.
with delivered as (
    select count(*) as case_count from {{ ref('stg_urban_management__urban_case') }}
    where not is_deleted
),

counted as (
    select count(*) as case_count from {{ ref('fct_urban_case') }} as urban_case
    inner join {{ ref('dim_region') }} as region on urban_case.region_code = region.region_code
    inner join {{ ref('dim_region') }} as city on region.city_code = city.region_code and city.region_level = 'city'
)

select
    delivered.case_count as delivered_count,
    counted.case_count as counted_count
from delivered
cross join counted
where delivered.case_count <> counted.case_count
