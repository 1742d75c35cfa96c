-- How a table is built anew: beside the one that there is, and put in its place in the same transaction.
-- dbt-duckdb's own way keeps the old table under another name and drops it in a second transaction. Each commit to a
-- lake has every lake's tables listed anew, which took a seventh of a small city's dbt.
{% materialization table, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type='table') -%}
    {%- set building = make_intermediate_relation(target) -%}
    {#- Only a night of an earlier version that was killed between its two transactions leaves one. -#}
    {%- do drop_relation_if_exists(load_cached_relation(make_backup_relation(target, 'table'))) -%}
    {#- A model in Python is written in a transaction of its own; a night that was killed right after it leaves this. -#}
    {%- do drop_relation_if_exists(load_cached_relation(building)) -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- call statement('main', language=model.language) -%}
        {{ create_table_as(False, building, compiled_code, model.language) }}
    {%- endcall -%}
    {%- do drop_relation_if_exists(existing) -%}
    {%- do adapter.rename_relation(building, target) -%}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do persist_docs(target, model) -%}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target]}) }}
{% endmaterialization %}
