-- The decisions in force made public under 双公示, licences and penalties alike. Of one published twice the newer
-- publication counts. A penalty is valid from the day of its decision; 2099-12-31 and later is no end.
{% macro credit_decisions() -%}
    with licence as (
        {{ newest_record(ref('stg_credit_office__administrative_licence'), ['document_no', 'authority_uscc']) }}
    ),

    penalty as (
        {{ newest_record(ref('stg_credit_office__administrative_penalty'), ['document_no', 'authority_uscc']) }}
    )

    select
        'licence' as event_type,
        'credit_office.administrative_licence' as source_dataset,
        document_no,
        authority_uscc,
        authority_name,
        subject_class_code,
        decision_date,
        coalesce(valid_from_date, decision_date) as valid_from_date,
        case when valid_to_date < date '2099-12-31' then valid_to_date end as valid_to_date,
        licence_class_code as class_code,
        status_code,
        null as violation_type,
        cast(null as date) as publicity_end_date,
        cast(null as decimal(18, 6)) as fine_10k_cny,
        cast(null as decimal(18, 6)) as confiscated_10k_cny
    from licence
    union all
    select
        'penalty' as event_type,
        'credit_office.administrative_penalty' as source_dataset,
        document_no,
        authority_uscc,
        authority_name,
        subject_class_code,
        decision_date,
        decision_date as valid_from_date,
        case when valid_to_date < date '2099-12-31' then valid_to_date end as valid_to_date,
        penalty_class as class_code,
        null as status_code,
        violation_type,
        publicity_end_date,
        fine_10k_cny,
        confiscated_10k_cny
    from penalty
{%- endmacro %}
