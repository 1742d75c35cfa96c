-- One row per delivery and rule of its contract that rows of it break: counts alone, no value of any row.
-- Grain: delivery_id, rule, severity.
-- Nuance: a row that breaks several rules counts at each. In words as today's contract says; a rule that it no longer
-- has keeps its id alone.
with counted as (
    select
        delivery_id,
        dataset,
        department as department_code,
        extract_date,
        unnest(rules) as broken
    from {{ source('ledger', 'delivery') }}
),

delivery_rule as (
    select
        delivery_id,
        dataset,
        department_code,
        extract_date,
        struct_extract(broken, 'rule') as rule,
        struct_extract(broken, 'severity') as severity,
        struct_extract(broken, 'row_count') as row_count
    from counted
)

select
    delivery_rule.delivery_id,
    delivery_rule.dataset,
    delivery_rule.department_code,
    delivery_rule.extract_date,
    delivery_rule.rule,
    delivery_rule.severity,
    delivery_rule.row_count,
    rule.column_headings,
    rule.reason_zh,
    rule.reason_en,
    rule.asks_zh,
    rule.asks_en
from delivery_rule
left join {{ source('ledger', 'rule') }} as rule
    on
        delivery_rule.dataset = rule.dataset
        and delivery_rule.rule = rule.rule
