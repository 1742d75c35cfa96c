-- Several rules of one table in one test: name → SQL condition that is true for every good row. Null counts as broken.
-- Fails with the rules that are broken and in how many rows.
{% test rows_hold(model, rules) %}
{%- for name, condition in rules.items() %}
select '{{ name | replace("'", "''") }}' as broken_rule, count(*) as row_count
from {{ model }}
where ({{ condition }}) is not true
having count(*) > 0
{{ 'union all' if not loop.last }}
{%- endfor %}
{% endtest %}
