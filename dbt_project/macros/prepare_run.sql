-- What must be there before the first node of a run: DuckDB's threads, and the tables of applied deliveries.
-- They are dbt's own book-keeping of staging and history; only the post-hook of their models writes to them.
{% macro prepare_run() %}
    {%- if execute and flags.WHICH in ('build', 'run', 'test', 'seed') -%}
        {%- if env_var('CITYLAKE_THREADS', '') -%}
            {%- do run_query('set threads = ' ~ (env_var('CITYLAKE_THREADS') | int)) -%}
        {%- endif -%}
        {%- for schema in ['staging', 'history'] -%}
            {%- do prepare_applied_delivery(applied_delivery(schema)) -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}

{% macro prepare_applied_delivery(relation) %}
    {#- Not load_relation: for a schema that the run does not write to, it begins a transaction that nobody commits. -#}
    {%- set columns = run_query(
        "select column_name from duckdb_columns() where database_name = 'vault' and schema_name = '" ~ relation.schema
        ~ "' and table_name = 'applied_delivery'"
    ).columns['column_name'].values() | list -%}
    {%- if not columns -%}
        {%- do run_query('create schema if not exists vault.' ~ relation.schema) -%}
        {%- do run_query('create table ' ~ relation ~ ' (dataset varchar, delivery_id varchar, run_id varchar)') -%}
        {%- for target_of_comment, comment in [
            ('table ' ~ relation, 'Deliveries that each table of this schema reflects, written in the same transaction as the table'),
            ('column ' ~ relation ~ '.dataset', 'Dataset, <department>.<dataset>'),
            ('column ' ~ relation ~ '.delivery_id', 'Delivery, <dataset>/<extract date>/<hash>'),
            ('column ' ~ relation ~ '.run_id', 'Run that gave the delivery the result that is reflected'),
        ] -%}
            {%- do run_query("comment on " ~ target_of_comment ~ " is '" ~ comment ~ "'") -%}
        {%- endfor -%}
    {%- elif 'run_id' not in columns -%}
        {#- A lake from before replays does not know which results it reflects: it reads them all again, once. -#}
        {%- do run_query('alter table ' ~ relation ~ ' add column run_id varchar') -%}
    {%- endif -%}
{% endmacro %}

{% macro applied_delivery(schema=none) %}
    {%- set place = {'database': 'vault', 'schema': schema or model.schema, 'identifier': 'applied_delivery'} -%}
    {{- return(api.Relation.create(type='table', **place)) -}}
{% endmacro %}
