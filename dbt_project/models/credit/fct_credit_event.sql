-- One row per decision made public under 双公示: a licence granted or a penalty imposed, on whomever.
-- Grain: credit_event_key; natural key event_type, document number, authority.
-- Nuance: of a natural person's decision only that it was made: no name, no number, not the decision's either. Its
-- place is the subject's, else the authority's division.
with entity_record as (
    select * from {{ source('identity', 'entity_record') }}
),

decision as (
    {{ credit_decisions() }}
),

located as (
    select
        *,
        substring(authority_uscc, 3, 6) as division_code,
        case
            when coalesce(subject_class_code, '') <> '自然人'
                then {{ entity_record_id(['document_no', 'authority_uscc'], 'subject_uscc') }}
        end as subject_no,
        case subject_class_code
            when '自然人' then 'natural_person'
            when '个体工商户' then 'sole_trader'
            else 'organisation'
        end as subject_type
    from decision
),

place as (
    {{ region_of_code('located', 'division_code') }}
)

select
    {{ key('credit_office', ['located.event_type', 'located.document_no', 'located.authority_uscc']) }}
        as credit_event_key,
    located.event_type,
    case when located.subject_type <> 'natural_person' then located.document_no end as document_no,
    located.subject_type,
    subject.entity_key as subject_entity_key,
    subject.source_record_key as subject_record_key,
    located.class_code,
    located.violation_type,
    located.decision_date,
    located.valid_from_date,
    located.valid_to_date,
    located.publicity_end_date,
    coalesce(located.publicity_end_date >= run.as_of_date, true) as is_public,
    cast(located.fine_10k_cny * 10000 as decimal(18, 2)) as fine_cny,
    cast(located.confiscated_10k_cny * 10000 as decimal(18, 2)) as confiscated_cny,
    located.status_code,
    located.authority_name,
    located.authority_uscc as authority_code,
    coalesce(dim_entity.region_code, place.region_code) as region_code,
    coalesce(dim_entity.region_level, place.region_level) as region_level
from located
inner join place on located.division_code is not distinct from place.delivered_code
cross join {{ source('ledger', 'run') }} as run
left join entity_record as subject
    on
        located.source_dataset = subject.source_dataset
        and located.subject_no = subject.register_no
left join {{ ref('dim_entity') }} as dim_entity on subject.entity_key = dim_entity.entity_key
