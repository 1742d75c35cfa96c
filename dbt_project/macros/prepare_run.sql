-- What must be there before the first node of a run: DuckDB's threads, and the table of applied deliveries.
-- The table is dbt's own book-keeping of staging; only the post-hook of the staging models writes to it.
{% macro prepare_run() %}
    {%- if execute and flags.WHICH in ('build', 'run', 'test', 'seed') -%}
        {%- if env_var('CITYLAKE_THREADS', '') -%}
            {%- do run_query('set threads = ' ~ (env_var('CITYLAKE_THREADS') | int)) -%}
        {%- endif -%}
        {%- if not load_relation(applied_delivery()) -%}
            {%- do run_query('create schema if not exists vault.staging') -%}
            {%- do run_query(
                'create table vault.staging.applied_delivery (dataset varchar, delivery_id varchar, run_id varchar)'
            ) -%}
            {%- for target_of_comment, comment in [
                ('table vault.staging.applied_delivery', 'Deliveries that each staging table reflects, written in the same transaction as the table'),
                ('column vault.staging.applied_delivery.dataset', 'Dataset, <department>.<dataset>'),
                ('column vault.staging.applied_delivery.delivery_id', 'Delivery, <dataset>/<extract date>/<hash>'),
                ('column vault.staging.applied_delivery.run_id', 'Run that gave the delivery the result that is reflected'),
            ] -%}
                {%- do run_query("comment on " ~ target_of_comment ~ " is '" ~ comment ~ "'") -%}
            {%- endfor -%}
        {%- elif not run_query(
            "select column_name from duckdb_columns() where database_name = 'vault' and schema_name = 'staging' "
            ~ "and table_name = 'applied_delivery' and column_name = 'run_id'"
        ).rows | list -%}
            {#- A lake from before replays does not know which results it reflects: it reads them all again, once. -#}
            {%- do run_query('alter table vault.staging.applied_delivery add column run_id varchar') -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{% macro applied_delivery() %}
    {{- return(api.Relation.create(database='vault', schema='staging', identifier='applied_delivery', type='table')) -}}
{% endmacro %}
