-- The whole of a history model: what each record of a dataset said, and from when to when, read from the deliveries by
-- extract date and never by load time. One row per key and run of equal statements: version_from_date is the extract
-- date that first said so, version_to_date (exclusive) the one that said otherwise; is_deleted where that was a
-- tombstone, or, of a snapshot, the first extract without the key. Of several statements on one extract date the one
-- that staging would take counts. Incremental and full rebuild give the same rows.
-- Who adds a tracked column rebuilds once (citylake refresh --full): what was said before is in the deliveries only.

{% macro versions(source_relation, tracked) -%}
    {%- set ledger = source('ledger', 'delivery') -%}
    {%- if execute -%}
        {%- set dataset = source_relation.schema ~ '.' ~ source_relation.identifier -%}
        {%- set mode = staged_source(dataset).config.meta.delivery_mode -%}
        {%- if mode == 'append' -%}
            {{- exceptions.raise_compiler_error(dataset ~ " is append: an event has no versions") -}}
        {%- endif -%}
        {{ versions_upsert(dataset, tracked) if mode == 'upsert' else versions_snapshot(dataset, tracked) }}
    {%- endif -%}
{%- endmacro %}

-- The versions of the keys that changed. What is newer than all that is known continues the runs that are there; what
-- comes late, or no longer counts, has its keys' statements read again.
{% macro versions_upsert(dataset, tracked) -%}
    {%- set key = staged_source(dataset).config.meta.key | join(', ') -%}
    {%- set changes = delivery_changes(dataset) -%}
    {%- set days = {'added': extract_dates(changes.added), 'kept': extract_dates(changes.kept)} -%}
    {%- set reads_again = is_incremental() and changes.kept and (
        changes.removed or (changes.added and (days.added | min) < (days.kept | max))
    ) -%}
    {%- set continues = is_incremental() and not changes.removed and not reads_again -%}
    with added as (
        {{ stated(dataset, tracked, changes.added) }}
    ),

    statement as (
        select * from added
        {%- if reads_again %}
        union all by name
        select * from ({{ stated(dataset, tracked, changes.kept) }}) as kept
        where
            ({{ key }}) in (select ({{ key }}) from added)
            {%- if changes.removed %}
            or ({{ key }}) in ({{ orphaned_keys(dataset) }})
            {%- endif %}
        {%- elif continues %}
        union all by name
        select {{ key }}, {{ tracked | join(', ') }}, is_deleted, _delivery_id, version_from_date from {{ this }}
        where ({{ key }}) in (select ({{ key }}) from added)
        {%- endif %}
    ),

    {{ runs_of_statements(key, tracked) }}
    {%- if continues %}
    where ({{ key }}) in (select ({{ key }}) from run_start where _delivery_id in (select _delivery_id from added))
    {%- endif %}
{%- endmacro %}

-- All versions anew when a kept extract changed: that a key is gone shows only beside the extract before.
{% macro versions_snapshot(dataset, tracked) -%}
    {%- set key = staged_source(dataset).config.meta.key | join(', ') -%}
    {%- set changes = delivery_changes(dataset) -%}
    {%- set is_idle = is_incremental() and not (changes.added or changes.removed) -%}
    with extract as (
        select
            delivery_id as _delivery_id,
            extract_date as version_from_date,
            row_number() over (order by extract_date) as extract_number
        from ({{ in_force(dataset) }}) as in_force
    ),

    present as (
        select
            delivered.*,
            extract.extract_number,
            lead(extract.extract_number) over (partition by {{ key }} order by extract.extract_number) as next_number
        from ({{ stated(dataset, tracked, [] if is_idle else changes.added + changes.kept) }}) as delivered
        inner join extract on delivered._delivery_id = extract._delivery_id
    ),

    statement as (
        select * exclude (extract_number, next_number) from present
        union all by name
        select {{ key }}, true as is_deleted, extract._delivery_id, extract.version_from_date
        from present
        inner join extract on present.extract_number + 1 = extract.extract_number
        where present.next_number is distinct from extract.extract_number
    ),

    {{ runs_of_statements(key, tracked) }}
{%- endmacro %}

-- A delivery's id is <dataset>/<extract date>/<hash>; as texts the dates sort as days do.
{% macro extract_dates(deliveries) -%}
    {%- set days = [] -%}
    {%- for delivery in deliveries -%}{%- do days.append(delivery.id.split('/')[1]) -%}{%- endfor -%}
    {{- return(days) -}}
{%- endmacro %}

-- The incremental strategy of history models: all versions of the keys that changed are replaced.
{% macro get_incremental_versions_sql(arguments) -%}
    {%- set dataset = model.sources | rejectattr(0, 'equalto', 'ledger') | first | join('.') -%}
    {%- set meta = staged_source(dataset).config.meta -%}
    {%- if meta.delivery_mode == 'upsert' -%}
        {{ get_incremental_deliveries_sql(arguments) }}
    {%- else -%}
        {%- set changes = delivery_changes(dataset) -%}
        {%- set columns = get_quoted_csv(arguments.dest_columns | map(attribute='name')) -%}
        {%- if not (changes.added or changes.removed) %}
        select 'nothing changed' as outcome
        {%- else %}
        delete from {{ arguments.target_relation }};
        insert into {{ arguments.target_relation }} ({{ columns }}) select {{ columns }} from {{ arguments.temp_relation }}
        {%- endif %}
    {%- endif -%}
{%- endmacro %}
