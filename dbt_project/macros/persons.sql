-- What citylake.identity calls a record that names a natural person: by the columns that number the person in its
-- dataset; where it has none, by the record's own key and the column that names the person.
{% macro person_record_id(columns, naming=none) -%}
    concat_ws('|', {{ columns | join(', ') }}{{ ", '" ~ naming ~ "'" if naming }})
{%- endmacro %}
