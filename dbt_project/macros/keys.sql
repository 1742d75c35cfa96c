-- Surrogate keys: a hash of issuer and natural key, never of load time. Person keys are not made here, nor in any SQL.
{% macro key(issuer, columns) -%}
    {{- return(adapter.dispatch('key', 'citylake')(issuer, columns)) -}}
{%- endmacro %}

{% macro default__key(issuer, columns) -%}
    md5('{{ issuer }}' {%- for column in columns %} || '|' || {{ column }}{% endfor %})
{%- endmacro %}
