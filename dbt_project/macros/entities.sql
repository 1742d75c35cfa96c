-- Whether an entity is a natural person in business, by its code or, where that does not tell, its type.
-- In the 15-digit numbers of before 2015 a serial number that starts with 6 to 9 is a sole trader's.
{% macro is_sole_trader(code, type) -%}
    (
        coalesce({{ code }} like '92%' and length({{ code }}) = 18, false)
        or coalesce({{ type }} like '%个体工商户%', false)
        or (length({{ code }}) = 15 and substring({{ code }}, 7, 1) in ('6', '7', '8', '9'))
    )
{%- endmacro %}
