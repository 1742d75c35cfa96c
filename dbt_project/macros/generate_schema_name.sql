-- Schemas carry the plain names of the architecture (base, governance, …), never a developer's prefix.
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name | trim if custom_schema_name else target.schema }}
{%- endmacro %}
