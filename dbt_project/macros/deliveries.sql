-- Which deliveries a staging or history table must reflect, and which it does. Read at run time from the ledger and
-- from applied_delivery of its schema; never a glob, never a load time. How they are merged is in staged.sql and
-- versions.sql.

-- The typed relation of the given delivery files: every column of the source's YAML, whether or not the files have it
-- (an older contract may not have known it), so that no file at all is an empty relation of the right shape.
{% macro delivered(dataset, files=none) -%}
    {%- set files = deliveries_in_force(dataset) | map(attribute='path') | list if files is none else files -%}
    {%- set columns = staged_source(dataset).columns.values() | list -%}
    select
    {%- for column in columns %}
        null::{{ column.data_type }} as {{ column.name }},
    {%- endfor %}
        null::varchar as _delivery_id,
        null::date as _extract_date,
        null::bigint as _line
    where false
    {%- if files %}
    union all by name
    select columns(lambda column_name: column_name in (
        {%- for column in columns %}'{{ column.name }}', {% endfor %}'_delivery_id', '_extract_date', '_line'))
    from read_parquet([
        {%- for file in files %}'{{ file | replace("'", "''") }}'{{ ', ' if not loop.last }}{% endfor %}], union_by_name = true)
    {%- endif %}
{%- endmacro %}

-- The dataset's entry in models/staging/*_sources.yml: its columns and, in meta, mode, key, sequence and tombstone.
{% macro staged_source(dataset) -%}
    {%- for node in graph.sources.values() if node.source_name ~ '.' ~ node.name == dataset -%}
        {{- return(node) -}}
    {%- endfor -%}
    {{- exceptions.raise_compiler_error("No dbt source is declared for dataset " ~ dataset) -}}
{%- endmacro %}

{% macro deliveries_in_force(dataset) -%}
    {%- set deliveries = [] -%}
    {%- for delivery in run_query(in_force(dataset)).rows -%}
        {%- do deliveries.append({'id': delivery[0], 'path': delivery[1]}) -%}
    {%- endfor -%}
    {{- return(deliveries) -}}
{%- endmacro %}

-- {added: files to read, removed: ids to forget, kept: files in force and applied already}. Compared by the database:
-- years of deliveries may come in one night. A delivery that was replayed has another result, that of another run: it
-- is forgotten and read again.
{% macro delivery_changes(dataset) -%}
    {%- set compared -%}
        select
            coalesce(in_force.delivery_id, applied.delivery_id) as delivery_id,
            in_force.path,
            case when in_force.delivery_id is null then 'removed' when applied.delivery_id is null then 'added' else 'kept' end as change
        from ({{ in_force(dataset) }}) as in_force
        full join ({{ applied(dataset) if is_incremental() else 'select null::varchar as delivery_id, null::varchar as run_id where false' }}) as applied
            on {{ is_same_result() }}
        order by 1
    {%- endset -%}
    {%- set changes = {'added': [], 'removed': [], 'kept': []} -%}
    {%- for delivery_id, path, change in run_query(compared).rows -%}
        {%- do changes[change].append({'id': delivery_id, 'path': path}) -%}
    {%- endfor -%}
    {{- return(changes) -}}
{%- endmacro %}

-- History also reads what a newer snapshot made outdated: it was in force until then.
{% macro in_force(dataset) -%}
    select delivery_id, path, run_id, extract_date from {{ source('ledger', 'delivery') }}
    where
        dataset = '{{ dataset }}'
        and status in ('in_force'{{ ", 'outdated'" if model.config.incremental_strategy == 'versions' }})
    order by delivery_id
{%- endmacro %}

{% macro applied(dataset) -%}
    select delivery_id, run_id from {{ applied_delivery() }} where dataset = '{{ dataset }}'
{%- endmacro %}

{% macro is_same_result() -%}
    in_force.delivery_id = applied.delivery_id and in_force.run_id = applied.run_id
{%- endmacro %}

-- For IN: deliveries that the table still reflects and that do not count any more, or not with that result.
{% macro removed_deliveries(dataset) -%}
    (
        select applied.delivery_id from ({{ applied(dataset) }}) as applied
        left join ({{ in_force(dataset) }}) as in_force on {{ is_same_result() }}
        where in_force.delivery_id is null
    )
{%- endmacro %}

-- Post-hook of a staging or history model, inside its transaction: from now on the table reflects exactly what is in
-- force.
{% macro note_applied_deliveries() -%}
    {%- if execute -%}
        {%- set dataset = model.sources | rejectattr(0, 'equalto', 'ledger') | first | join('.') -%}
        {%- set is_noted -%}
            select count(*) from ({{ in_force(dataset) }}) as in_force
            full join ({{ applied(dataset) }}) as applied on {{ is_same_result() }}
            where in_force.delivery_id is null or applied.delivery_id is null
        {%- endset -%}
        {%- if run_query(is_noted).columns[0].values()[0] > 0 %}
            delete from {{ applied_delivery() }} where dataset = '{{ dataset }}';
            insert into {{ applied_delivery() }}
            select '{{ dataset }}', delivery_id, run_id from ({{ in_force(dataset) }}) as in_force;
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

-- The record in force of each key of a staging table that keeps every delivery (append): the newest by the given
-- column, then by extract date. Nothing is ordered by when it was loaded.
{% macro newest_record(staging, key, sequence=none) -%}
    select * from {{ staging }}
    where not is_deleted
    qualify row_number() over (
        partition by {{ key | join(', ') }}
        order by {{ sequence ~ ' desc nulls last, ' if sequence }}_extract_date desc, _delivery_id desc, _line asc
    ) = 1
{%- endmacro %}
