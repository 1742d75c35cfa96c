-- What deliveries say of each key and when, and the runs of equal statements: what versions.sql makes histories of.

-- What these deliveries say of each key: one row per key and extract date. A tombstone says nothing else.
{% macro stated(dataset, tracked, deliveries) -%}
    {%- set meta = staged_source(dataset).config.meta -%}
    {%- set key = meta.key | join(', ') -%}
    select
        {{ key }},
        {%- for column in tracked %}
        {{ "case when not is_deleted then " ~ column ~ " end as " ~ column }},
        {%- endfor %}
        is_deleted,
        _delivery_id,
        version_from_date
    from (
        select
            *,
            _extract_date as version_from_date,
            {{ "coalesce(" ~ meta.tombstone.column ~ " = '" ~ meta.tombstone.value ~ "', false)" if meta.tombstone else 'false' }} as is_deleted
        from ({{ delivered(dataset, deliveries | map(attribute='path') | list) }}) as delivered
    ) as delivered
    qualify row_number() over (
        partition by {{ key }}, version_from_date
        order by {{ meta.sequence ~ ' desc nulls last, ' if meta.sequence }}_line
    ) = 1
{%- endmacro %}

-- From the CTE statement: equal ones in a row are one version, which lasts until the next begins.
{% macro runs_of_statements(key, tracked) -%}
    compared as (
        select
            *,
            lag(version_from_date) over newest_last as previous_date,
            {%- for column in tracked %}
            lag({{ column }}) over newest_last as previous_{{ column }},
            {%- endfor %}
            lag(is_deleted) over newest_last as was_deleted
        from statement
        window newest_last as (partition by {{ key }} order by version_from_date)
    ),

    run_start as (
        select * from compared
        where
            previous_date is null
            or is_deleted <> was_deleted
            {%- for column in tracked %}
            or {{ column }} is distinct from previous_{{ column }}
            {%- endfor %}
    )

    select
        {{ key }},
        {{ tracked | join(', ') }},
        is_deleted,
        version_from_date,
        lead(version_from_date) over (partition by {{ key }} order by version_from_date) as version_to_date,
        _delivery_id
    from run_start
{%- endmacro %}
