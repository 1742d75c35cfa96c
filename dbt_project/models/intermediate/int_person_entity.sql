-- One row per record in force that ties a person to an entity, under both keys, and how well both ends are known.
-- Grain: none; a tie stated by several records has several rows. bridge_person_entity has one.
-- Nuance: a tie is as good as the weaker of its ends: match_rule and match_weight are that one's. A sole trader is a
-- person in business: who is licensed is the person whom the decision is about, else the one who represents it.
with person_record as (
    select * from {{ source('identity', 'person_record') }}
),

entity_record as (
    select * from {{ source('identity', 'entity_record') }}
),

employment as (
    select
        person.source_record_key as person_record_key,
        employer.source_record_key as entity_record_key,
        'employed_by' as relation,
        insurance.insured_from_date as valid_from,
        insurance.insured_to_date as valid_to
    from {{ ref('stg_human_resources__social_insurance') }} as insurance
    inner join person_record as person
        on
            person.source_dataset = 'human_resources.social_insurance'
            and {{ person_record_id(['insurance.insurance_no']) }} = person.register_no
    inner join entity_record as employer
        on
            employer.source_dataset = 'human_resources.social_insurance'
            and {{ entity_record_id(['insurance.employer_code']) }} = employer.register_no
    where not insurance.is_deleted
),

representation as (
    select
        person_record_key,
        entity_record_key,
        'legal_representative' as relation,
        valid_from,
        valid_to
    from {{ ref('int_representation') }}
),

licensed as (
    select
        coalesce(subject_record_key, representative_record_key) as person_record_key,
        entity_record_key,
        'holds_licence' as relation,
        licensed_from as valid_from,
        licensed_to as valid_to
    from {{ ref('int_entity_decision') }}
    where is_sole_trader and licensed_from is not null
),

tie as (
    select * from employment
    union all
    select * from representation
    union all
    select * from licensed
)

select
    person_record.person_key,
    entity_record.entity_key,
    tie.relation,
    tie.valid_from,
    tie.valid_to,
    tie.person_record_key,
    tie.entity_record_key,
    case
        when entity_record.match_weight < coalesce(person_record.match_weight, entity_record.match_weight + 1)
            then entity_record.match_rule
        else person_record.match_rule
    end as match_rule,
    least(person_record.match_weight, entity_record.match_weight) as match_weight
from tie
inner join person_record on tie.person_record_key = person_record.source_record_key
inner join entity_record on tie.entity_record_key = entity_record.source_record_key
