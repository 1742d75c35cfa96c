-- Time as the city counts it: instants are UTC, days and office hours are those of Asia/Shanghai.
-- Office hours are 09:00-12:00 and 13:30-17:30: 25,200 working seconds a workday.

-- The calendar day of an instant in Asia/Shanghai.
{% macro local_date(instant) -%}
    cast({{ local_time(instant) }} as date)
{%- endmacro %}

-- The wall clock of an instant in Asia/Shanghai, without a zone.
{% macro local_time(instant) -%}
    {{- return(adapter.dispatch('local_time', 'citylake')(instant)) -}}
{%- endmacro %}

{% macro duckdb__local_time(instant) -%}
    timezone('Asia/Shanghai', {{ instant }})
{%- endmacro %}

{% macro spark__local_time(instant) -%}
    from_utc_timestamp({{ instant }}, 'Asia/Shanghai')
{%- endmacro %}

-- The instant of a wall clock time in Asia/Shanghai.
{% macro instant_of(local_time) -%}
    {{- return(adapter.dispatch('instant_of', 'citylake')(local_time)) -}}
{%- endmacro %}

{% macro duckdb__instant_of(local_time) -%}
    timezone('Asia/Shanghai', {{ local_time }})
{%- endmacro %}

{% macro spark__instant_of(local_time) -%}
    to_utc_timestamp({{ local_time }}, 'Asia/Shanghai')
{%- endmacro %}

-- The wall clock so many hours after a day begins.
{% macro hours_after(day, hours) -%}
    {{- return(adapter.dispatch('hours_after', 'citylake')(day, hours)) -}}
{%- endmacro %}

{% macro duckdb__hours_after(day, hours) -%}
    cast({{ day }} as timestamp) + to_seconds(3600 * {{ hours }})
{%- endmacro %}

{% macro spark__hours_after(day, hours) -%}
    cast({{ day }} as timestamp) + make_dt_interval(0, 0, 0, 3600 * {{ hours }})
{%- endmacro %}

-- How many days the last of two days is after the first.
{% macro days_between(first, last) -%}
    {{- return(adapter.dispatch('days_between', 'citylake')(first, last)) -}}
{%- endmacro %}

{% macro duckdb__days_between(first, last) -%}
    ({{ last }} - {{ first }})
{%- endmacro %}

{% macro spark__days_between(first, last) -%}
    datediff({{ last }}, {{ first }})
{%- endmacro %}

-- Working seconds from the calendar's first day until an instant; calendar is the row of dim_date for its local day.
{% macro working_seconds(instant, calendar) -%}
    case
        when {{ calendar }}.is_workday
            then
                ({{ calendar }}.workday_number - 1) * 25200
                + least(greatest({{ second_of_day(instant) }} - 32400, 0), 10800)
                + least(greatest({{ second_of_day(instant) }} - 48600, 0), 14400)
        else {{ calendar }}.workday_number * 25200
    end
{%- endmacro %}

-- The wall clock on a workday at which so many (1 to 25,200) of its working seconds have passed.
{% macro worked_until(workday, seconds) -%}
    {{- return(adapter.dispatch('worked_until', 'citylake')(workday, seconds)) -}}
{%- endmacro %}

{% macro duckdb__worked_until(workday, seconds) -%}
    {{ workday }} + to_seconds(32400 + {{ seconds }} + case when {{ seconds }} > 10800 then 5400 else 0 end)
{%- endmacro %}

{% macro spark__worked_until(workday, seconds) -%}
    {{ workday }} + make_dt_interval(0, 0, 0, 32400 + {{ seconds }} + case when {{ seconds }} > 10800 then 5400 else 0 end)
{%- endmacro %}

{% macro second_of_day(instant) -%}
    {{- return(adapter.dispatch('second_of_day', 'citylake')(instant)) -}}
{%- endmacro %}

{% macro duckdb__second_of_day(instant) -%}
    cast(epoch({{ local_time(instant) }}) as bigint) % 86400
{%- endmacro %}

{% macro spark__second_of_day(instant) -%}
    (hour({{ local_time(instant) }}) * 3600 + minute({{ local_time(instant) }}) * 60 + second({{ local_time(instant) }}))
{%- endmacro %}
