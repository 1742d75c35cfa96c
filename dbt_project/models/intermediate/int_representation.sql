-- One row per time in which a person represents an organisation, by the records that say so first.
-- Grain: entity_key, valid_from.
-- Nuance: who represents an organisation is what the newest statement says, of the entity register or a decision; an
-- earlier one did until the next named another. Of two on one day the register counts. What the register says is known
-- to hold since the extract that it came with. A sole trader represents itself.
with person_record as (
    select * from {{ source('identity', 'person_record') }}
),

entity_record as (
    select * from {{ source('identity', 'entity_record') }}
),

register as (
    select
        entity.source_record_key as entity_record_key,
        representative.source_record_key as person_record_key,
        1 as source_rank,
        register._extract_date as stated_date
    from {{ ref('stg_market_supervision__entity_register') }} as register
    inner join entity_record as entity
        on
            entity.source_dataset = 'market_supervision.entity_register'
            and {{ entity_record_id(['register.registration_code']) }} = entity.register_no
    inner join person_record as representative
        on
            representative.source_dataset = 'market_supervision.entity_register'
            and {{ person_record_id(['register.registration_code'], 'legal_representative') }}
            = representative.register_no
    where
        not register.is_deleted
        and not {{ is_sole_trader('register.registration_code', 'register.entity_type') }}
),

statement as (
    select * from register
    union all
    select
        entity_record_key,
        representative_record_key as person_record_key,
        2 as source_rank,
        decision_date as stated_date
    from {{ ref('int_entity_decision') }}
    where representative_record_key is not null and not is_sole_trader
),

stated as (
    select
        statement.*,
        entity_record.entity_key,
        person_record.person_key
    from statement
    inner join entity_record on statement.entity_record_key = entity_record.source_record_key
    inner join person_record on statement.person_record_key = person_record.source_record_key
    qualify row_number() over (
        partition by entity_record.entity_key, statement.stated_date
        order by statement.source_rank asc, statement.person_record_key asc
    ) = 1
),

changed as (
    select
        *,
        lag(person_key) over (partition by entity_key order by stated_date) as previous_key
    from stated
)

select
    entity_key,
    person_record_key,
    entity_record_key,
    stated_date as valid_from,
    lead(stated_date) over (partition by entity_key order by stated_date) - 1 as valid_to
from changed
where person_key is distinct from previous_key
