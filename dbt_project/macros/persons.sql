-- What citylake.identity calls a record that names a natural person: by the columns that number the person in its
-- dataset; where it has none, by the record's own key and the column that names the person.
{% macro person_record_id(columns, naming=none) -%}
    {{- record_id(columns, naming) -}}
{%- endmacro %}

-- The same of a record that names an organisation: by its code where that is part of the dataset's key.
{% macro entity_record_id(columns, naming=none) -%}
    {{- record_id(columns, naming) -}}
{%- endmacro %}

{% macro record_id(columns, naming) -%}
    concat_ws('|', {{ columns | join(', ') }}{{ ", '" ~ naming ~ "'" if naming }})
{%- endmacro %}
