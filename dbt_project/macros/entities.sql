-- What the register of market entities says of an entity, wherever it is told: now, or over time.

-- A natural person in business, by the code's own type, by the registered type or by the number: in the 15-digit
-- numbers of before 2015 a serial number that starts with 6 to 9 is a sole trader's.
{% macro is_sole_trader(registration_code, entity_type) -%}
    (
        coalesce({{ registration_code }} like '92%' and length({{ registration_code }}) = 18, false)
        or coalesce({{ entity_type }} like '%个体工商户%', false)
        or (
            length({{ registration_code }}) = 15
            and substring({{ registration_code }}, 7, 1) in ('6', '7', '8', '9')
        )
    )
{%- endmacro %}
