-- One row per tie of a person to an entity: who is employed by whom, represents it, or holds its licence.
-- Grain: person_key, entity_key, relation, valid_from.
-- Nuance: an entity that the register of entities does not know has a key all the same, and no row in dim_entity.
select
    person_key,
    {{ key('market_supervision', ['entity_code']) }} as entity_key,
    relation,
    valid_from,
    case when count(*) = count(valid_to) then max(valid_to) end as valid_to
from {{ ref('int_person_entity') }}
group by person_key, entity_code, relation, valid_from
