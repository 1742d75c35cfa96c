-- The small city's figures. Of October 2026, by street: filed, due, closed and closed on time; earlier months lose a
-- little at the first street. All roll-ups are exact.
create temp table fact as
with street as (
    select * from (values
        ('320213001', '320213',   310, 300, 290, 250, 500, 100000),
        ('320213002', '320213',   205, 200, 180, 150, 300, 50000),
        ('320213-U',  '320213',   12,  12,  10,  7,   0,   0),
        ('320214001', '320214',   405, 400, 380, 300, 700, 150000),
        ('320200-U-U', '320200-U', 64, 60,  51,  30,  20,  10000)
    ) as street (street_code, district_code, filed, due, closed, closed_on_time, active, residents)
),

month as (
    select
        m::date as month_date,
        abs(date_diff('month', m, date '2026-10-01')) as distance,
        m < date '2026-11-01' as is_complete
    from generate_series(timestamp '2025-09-01', timestamp '2026-11-01', interval 1 month) as series (m)
),

department as (
    -- No case that could not be located went to transport.
    select * from (values
        ('urban_management', 0.5, false), ('transport', 0.3, false), ('public_security', 0.2, false),
        ('urban_management', 0.8, true), ('transport', 0, true), ('public_security', 0.2, true)
    ) as department (code, share, is_unallocated)
)

select
    month_date, is_complete, district_code, street_code, code as department_code,
    share * (filed - if(street_code = '320213001', 3 * distance, 0)) as filed,
    share * due as due,
    share * (closed - if(street_code = '320213001', 2 * distance, 0)) as closed,
    share * (closed_on_time - if(street_code = '320213001', 4 * distance, 0)) as closed_on_time,
    share * if(street_code = '320214001', due, due * 0.9) as handled_on_time,
    share * closed * (20 + distance) as hours,
    share * (due - closed + distance) as backlog,
    share * (active * 0.02 - distance * if(active > 0, 0.1, 0)) as entered,
    share * active * 0.01 as cancelled,
    share * active as active,
    share * residents as residents
from street, month, department
where (street_code = '320200-U-U') = is_unallocated;

create temp table total as
select
    month_date, is_complete, coalesce(street_code, district_code, '320200') as region_code,
    case when street_code is not null then 'street' when district_code is not null then 'district' else 'city' end
        as region_level,
    department_code,
    sum(filed) as filed, sum(due) as due, sum(closed) as closed, sum(closed_on_time) as closed_on_time,
    sum(handled_on_time) as handled_on_time, sum(hours) as hours, sum(backlog) as backlog,
    sum(entered) as entered, sum(cancelled) as cancelled, sum(active) as active, sum(residents) as residents
from fact
group by grouping sets (
    (month_date, is_complete), (month_date, is_complete, department_code),
    (month_date, is_complete, district_code), (month_date, is_complete, district_code, department_code),
    (month_date, is_complete, district_code, street_code),
    (month_date, is_complete, district_code, street_code, department_code)
);

create table city.indicator.indicator_value as
with figure as (
    select 'G01' as indicator_id, 1 as scale, filed as numerator, null as denominator, * from total
    union all by name select 'G07' as indicator_id, 100 as scale, handled_on_time as numerator, due as denominator, * from total
    union all by name select 'G08' as indicator_id, 100 as scale, closed as numerator, due as denominator, * from total
    union all by name select 'G09' as indicator_id, 100 as scale, closed_on_time as numerator, due as denominator, * from total
    union all by name select 'G13' as indicator_id, 1 as scale, hours as numerator, closed as denominator, * from total
    union all by name select 'G14' as indicator_id, 1 as scale, backlog as numerator, null as denominator, * from total
    union all by name select 'D01' as indicator_id, 1 as scale, filed * 12 as numerator, null as denominator, * from total where region_level = 'city'
    union all by name select 'E02' as indicator_id, 1 as scale, entered as numerator, null as denominator, * from total where department_code is null
    union all by name select 'E03' as indicator_id, 100 as scale, entered - cancelled as numerator, active as denominator, * from total where department_code is null
    union all by name select 'E04' as indicator_id, 100000 as scale, active as numerator, residents as denominator, * from total where department_code is null
)

select
    indicator_id, 'month' as period_type, month_date as period_start, last_day(month_date) as period_end, is_complete,
    region_code, region_level, department_code, round(numerator, 6)::double as numerator,
    round(denominator, 6)::double as denominator,
    case when denominator is null and indicator_id in ('G01', 'G14', 'D01', 'E02') then round(numerator, 6)::double
        else (scale * numerator / nullif(denominator, 0))::double end as value,
    case when month_date >= date '2026-01-01' then case indicator_id when 'G08' then 90.0 when 'G09' then 85.0 end end::double as target,
    if(target is null, null, 'up') as target_direction,
    coalesce(indicator_id = 'G07' and numerator = denominator and denominator >= 100, false) as is_flagged_100,
    getvariable('run_id') as run_id, getvariable('as_of') as data_as_of
from figure;

create table city.indicator.indicator_vintage as
select
    indicator_id, period_type, period_start, region_code, department_code, numerator, denominator, value, run_id
from city.indicator.indicator_value
union all by name
select
    indicator_id, period_type, period_start, region_code, department_code, 905 as numerator, denominator,
    90500 / denominator as value, getvariable('first_run_id') as run_id
from city.indicator.indicator_value
where indicator_id = 'G08' and region_code = '320200' and department_code is null and period_start = date '2026-10-01';
