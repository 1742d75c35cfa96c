-- One row per tie of a person to an entity: who is employed by whom, represents it, or holds its licence.
-- Grain: person_key, entity_key, relation, valid_from.
-- Nuance: an entity that the register of entities does not know has a key all the same, and no row in dim_entity. Where
-- several records state a tie, it lasts as long as any of them says, and is as sure as the surest.
with tie as (
    select
        *,
        count(*) over same as statement_count,
        count(valid_to) over same as end_count,
        max(valid_to) over same as last_valid_to,
        row_number() over (
            partition by person_key, entity_key, relation, valid_from
            order by match_weight desc nulls first, person_record_key asc, entity_record_key asc
        ) as preference
    from {{ ref('int_person_entity') }}
    window same as (partition by person_key, entity_key, relation, valid_from)
)

select
    person_key,
    entity_key,
    relation,
    valid_from,
    case when statement_count = end_count then last_valid_to end as valid_to,
    match_rule,
    match_weight,
    person_record_key,
    entity_record_key
from tie
where preference = 1
