-- The headings of a JSON list as one text, null for none. What has a number of four digits, or is long, may be a value
-- of a file whose headings went missing: it is not shown.
{% macro headings(json_list) -%}
    {{- return(adapter.dispatch('headings', 'citylake')(json_list)) -}}
{%- endmacro %}

{% macro duckdb__headings(json_list) -%}
    nullif(
        array_to_string(
            list_transform(
                from_json({{ json_list }}, '["VARCHAR"]'),
                lambda heading: case
                    when length(heading) > 30 or regexp_matches(heading, '[0-9]{4}') then '…' else heading
                end
            ),
            '、'
        ),
        ''
    )
{%- endmacro %}

{% macro spark__headings(json_list) -%}
    nullif(
        array_join(
            transform(
                from_json({{ json_list }}, 'array<string>'),
                heading -> case when length(heading) > 30 or heading rlike '[0-9]{4}' then '…' else heading end
            ),
            '、'
        ),
        ''
    )
{%- endmacro %}
