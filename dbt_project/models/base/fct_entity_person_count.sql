-- One row per entity and relation that persons have to it on the day of the data: how many, never who.
-- Grain: entity_key, relation.
-- Nuance: a few employees are told apart by whoever knows one of them, so fewer than five are not told. By law an
-- organisation has one legal representative, and a sole trader's licence is the trader's: those counts tell of nobody
-- anything that their relation does not. Whom nobody is tied to has no row.
with counted as (
    select
        tie.entity_key,
        tie.relation,
        count(distinct tie.person_key) as person_count
    from {{ ref('bridge_person_entity') }} as tie
    cross join {{ source('ledger', 'run') }} as run
    where tie.valid_from <= run.as_of_date and coalesce(tie.valid_to >= run.as_of_date, true)
    group by tie.entity_key, tie.relation
)

select
    entity_key,
    relation,
    case when relation <> 'employed_by' or person_count >= {{ fewest_told() }} then person_count end as person_count,
    cast(case when relation = 'employed_by' then {{ fewest_told() }} else 1 end as bigint) as fewest_told_count
from counted
