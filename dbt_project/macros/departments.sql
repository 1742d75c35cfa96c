-- The departments that deliver something, by the owners that their contracts name: department_code and both names.
{% macro delivering_departments() -%}
    {%- set owners = {} -%}
    {%- if execute -%}
        {%- for node in graph.sources.values() | sort(attribute='unique_id') if node.config.meta.owner -%}
            {%- do owners.update({node.source_name: node.config.meta.owner}) -%}
        {%- endfor -%}
    {%- endif -%}
    select
        null::varchar as department_code,
        null::varchar as department_name_zh,
        null::varchar as department_name_en
    where false
    {%- for code, name in owners.items() %}
    union all
    select '{{ code }}', '{{ name.zh | replace("'", "''") }}', '{{ name.en | replace("'", "''") }}'
    {%- endfor %}
{%- endmacro %}
