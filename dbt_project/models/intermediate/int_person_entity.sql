-- One row per record in force that ties a person to an entity, under the person's key and the entity's public code.
-- Grain: none; a tie stated by several records has several rows. bridge_person_entity has one.
-- Nuance: whom a record names is known by a valid citizen id, or by the insurance's own number; a decision that names
-- somebody by another document ties nobody. A sole trader is a person in business: who is licensed is that person.
with person_record as (
    select * from {{ source('identity', 'person_record') }}
),

employment as (
    select
        person_record.person_key,
        insurance.employer_code as entity_code,
        'employed_by' as relation,
        insurance.insured_from_date as valid_from,
        insurance.insured_to_date as valid_to
    from {{ ref('stg_human_resources__social_insurance') }} as insurance
    inner join person_record
        on
            person_record.source_dataset = 'human_resources.social_insurance'
            and {{ person_record_id(['insurance.insurance_no']) }} = person_record.register_no
    where not insurance.is_deleted
),

licence as (
    {{ newest_record(ref('stg_credit_office__administrative_licence'), ['document_no', 'authority_uscc']) }}
),

penalty as (
    {{ newest_record(ref('stg_credit_office__administrative_penalty'), ['document_no', 'authority_uscc']) }}
),

decision as (
    select
        'credit_office.administrative_licence' as source_dataset,
        coalesce(subject_uscc, subject_registration_no) as entity_code,
        subject_class_code,
        decision_date,
        coalesce(valid_from_date, decision_date) as licensed_from,
        nullif(valid_to_date, date '2099-12-31') as licensed_to,
        {{ person_record_id(['document_no', 'authority_uscc'], 'legal_representative_id_no') }} as representative_no,
        {{ person_record_id(['document_no', 'authority_uscc'], 'subject_id_no') }} as subject_no
    from licence
    union all
    select
        'credit_office.administrative_penalty' as source_dataset,
        coalesce(subject_uscc, subject_registration_no) as entity_code,
        subject_class_code,
        decision_date,
        cast(null as date) as licensed_from,
        cast(null as date) as licensed_to,
        {{ person_record_id(['document_no', 'authority_uscc'], 'legal_representative_id_no') }} as representative_no,
        {{ person_record_id(['document_no', 'authority_uscc'], 'subject_id_no') }} as subject_no
    from penalty
),

represented as (
    select
        decision.*,
        decision.subject_class_code = '个体工商户' as is_sole_trader,
        representative.person_key as representative_key,
        representative.source_record_key as representative_record_key,
        coalesce(subject.person_key, representative.person_key) as subject_key
    from decision
    left join person_record as representative
        on
            decision.source_dataset = representative.source_dataset
            and decision.representative_no = representative.register_no
    left join person_record as subject
        on decision.source_dataset = subject.source_dataset and decision.subject_no = subject.register_no
    where decision.entity_code is not null and decision.subject_class_code <> '自然人'
),

-- Who represents an organisation is what its newest decision says; an earlier one did until the next named another.
stated as (
    select
        entity_code,
        decision_date,
        min_by(representative_key, representative_record_key) as person_key
    from represented
    where representative_key is not null and not is_sole_trader
    group by entity_code, decision_date
),

changed as (
    select
        *,
        lag(person_key) over (partition by entity_code order by decision_date) as previous_key
    from stated
),

representation as (
    select
        person_key,
        entity_code,
        'legal_representative' as relation,
        decision_date as valid_from,
        lead(decision_date) over (partition by entity_code order by decision_date) - 1 as valid_to
    from changed
    where person_key is distinct from previous_key
),

licensed as (
    select
        subject_key as person_key,
        entity_code,
        'holds_licence' as relation,
        licensed_from as valid_from,
        licensed_to as valid_to
    from represented
    where is_sole_trader and licensed_from is not null and subject_key is not null
)

select * from employment
union all
select * from representation
union all
select * from licensed
