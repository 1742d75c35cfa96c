-- One row per decision in force about an organisation or a sole trader, with the opaque keys of the records that it is.
-- Grain: entity_record_key.
-- Nuance: whom a record names, identity knows: a decision that names nobody it could find has no
-- representative_record_key.
with entity_record as (
    select * from {{ source('identity', 'entity_record') }}
),

person_record as (
    select * from {{ source('identity', 'person_record') }}
),

decision as (
    {{ credit_decisions() }}
),

called as (
    select
        *,
        {{ entity_record_id(['document_no', 'authority_uscc'], 'subject_uscc') }} as entity_no,
        {{ person_record_id(['document_no', 'authority_uscc'], 'legal_representative_id_no') }} as representative_no,
        {{ person_record_id(['document_no', 'authority_uscc'], 'subject_id_no') }} as subject_no
    from decision
    where subject_class_code <> '自然人'
)

select
    entity_record.source_record_key as entity_record_key,
    representative.source_record_key as representative_record_key,
    subject.source_record_key as subject_record_key,
    called.subject_class_code = '个体工商户' as is_sole_trader,
    called.decision_date,
    case when called.event_type = 'licence' then called.valid_from_date end as licensed_from,
    case when called.event_type = 'licence' then called.valid_to_date end as licensed_to
from called
inner join entity_record
    on called.source_dataset = entity_record.source_dataset and called.entity_no = entity_record.register_no
left join person_record as representative
    on
        called.source_dataset = representative.source_dataset
        and called.representative_no = representative.register_no
left join person_record as subject
    on called.source_dataset = subject.source_dataset and called.subject_no = subject.register_no
