-- The whole of a staging model: its source's rows as they are in force, whatever order they came in.
-- What differs between datasets (mode, key, sequence, tombstone) is in the source's meta, taken from the contract.
-- Incremental and full rebuild give the same rows; the cost of a night follows the deliveries that changed.

{% macro staged(source_relation) -%}
    {%- set ledger = source('ledger', 'delivery') -%}
    {%- if execute -%}
        {%- set dataset = source_relation.schema ~ '.' ~ source_relation.identifier -%}
        {%- set is_upsert = staged_source(dataset).config.meta.delivery_mode == 'upsert' -%}
        {{ staged_upsert(dataset) if is_upsert else staged_whole(dataset) }}
    {%- endif -%}
{%- endmacro %}

-- snapshot and append: what is in force is whole deliveries. A key repeated inside one delivery keeps its lowest line.
{% macro staged_whole(dataset) -%}
    {%- set meta = staged_source(dataset).config.meta -%}
    {%- set changes = delivery_changes(dataset) -%}
    with versions as (
        {{ delivered(dataset, changes.added | map(attribute='path') | list) }}
    ),

    ranked as (
        select
            *,
            row_number() over (
                partition by _delivery_id, {{ meta.key | join(', ') if meta.key else '_line' }} order by _line
            ) as version_rank
        from versions
    )

    select {{ staged_columns(dataset) }}, false as is_deleted
    from ranked
    where version_rank = 1
{%- endmacro %}

-- upsert: per key the newest extract date, then the sequence, then the lowest line. A tombstone stays, as is_deleted,
-- so that an older version which comes later still loses against it.
{% macro staged_upsert(dataset) -%}
    {%- set meta = staged_source(dataset).config.meta -%}
    {%- set key = meta.key | join(', ') -%}
    {%- set changes = delivery_changes(dataset) -%}
    with added as (
        {{ delivered(dataset, changes.added | map(attribute='path') | list) }}
    ),

    versions as (
        select * from added
        {%- if is_incremental() %}
        union all by name
        select * exclude (is_deleted) from {{ this }}
        where ({{ key }}) in (select ({{ key }}) from added) and _delivery_id not in {{ removed_deliveries(dataset) }}
        {%- endif %}
        {%- if changes.removed %}
        union all by name
        select * from ({{ delivered(dataset, changes.kept | map(attribute='path') | list) }}) as kept
        where ({{ key }}) in ({{ orphaned_keys(dataset) }})
        {%- endif %}
    ),

    ranked as (
        select
            *,
            row_number() over (
                partition by {{ key }}
                order by _extract_date desc, {{ meta.sequence ~ ' desc nulls last, ' if meta.sequence }}_line
            ) as version_rank
        from versions
    )

    select
        {{ staged_columns(dataset) }},
        {{ "coalesce(" ~ meta.tombstone.column ~ " = '" ~ meta.tombstone.value ~ "', false)" if meta.tombstone else 'false' }} as is_deleted
    from ranked
    where
        version_rank = 1
        {%- if is_incremental() %}
        and (
            _delivery_id in (select _delivery_id from added)
            {%- if changes.removed %}
            or ({{ key }}) in ({{ orphaned_keys(dataset) }})
            {%- endif %}
        )
        {%- endif %}
{%- endmacro %}

-- Keys whose version in force came from a delivery that no longer counts.
{% macro orphaned_keys(dataset) -%}
    {%- set key = staged_source(dataset).config.meta.key | join(', ') -%}
    select ({{ key }}) from {{ this }} where _delivery_id in {{ removed_deliveries(dataset) }}
{%- endmacro %}

{% macro staged_columns(dataset) -%}
    {%- for column in staged_source(dataset).columns.values() -%}
        {{ column.name }}::{{ column.data_type }} as {{ column.name }},
    {% endfor -%}
    _delivery_id, _extract_date, _line
{%- endmacro %}

-- The incremental strategy of staging models: forget what no longer counts, then replace the keys that changed.
{% macro get_incremental_deliveries_sql(arguments) -%}
    {%- set dataset = model.sources | rejectattr(0, 'equalto', 'ledger') | first | join('.') -%}
    {%- set meta = staged_source(dataset).config.meta -%}
    {%- set changes = delivery_changes(dataset) -%}
    {%- set columns = get_quoted_csv(arguments.dest_columns | map(attribute='name')) -%}
    {%- if not (changes.added or changes.removed) %}
    select 'nothing changed' as outcome
    {%- else %}
    delete from {{ arguments.target_relation }} where _delivery_id in {{ removed_deliveries(dataset) }};
    {%- if meta.delivery_mode == 'upsert' %}
    delete from {{ arguments.target_relation }}
    where ({{ meta.key | join(', ') }}) in (select ({{ meta.key | join(', ') }}) from {{ arguments.temp_relation }});
    {%- endif %}
    insert into {{ arguments.target_relation }} ({{ columns }}) select {{ columns }} from {{ arguments.temp_relation }}
    {%- endif %}
{%- endmacro %}
