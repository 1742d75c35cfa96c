-- One row per market entity and day on which anything that the register says of it changed, with what held from then.
-- Grain: entity_key, change_date.
-- Nuance: of several records of one entity that of each day is chosen as dim_entity chooses among today's, under the
-- keys of today; registration_code is null where none was left. A record that was deleted is told of under the key of
-- whoever carries its number today. Names and domiciles of sole traders are here too: restricted.
with entity_record as (
    select
        source_dataset,
        register_no,
        entity_key
    from {{ source('identity', 'entity_record') }}
    union all
    select
        source_dataset,
        register_no,
        key as entity_key
    from {{ source('identity', 'past_record') }}
    where kind = 'entity'
),

version as (
    select
        register.*,
        entity_record.entity_key,
        {{ is_sole_trader('register.registration_code', 'register.entity_type') }} as is_sole_trader
    from {{ ref('hst_market_supervision__entity_register') }} as register
    inner join entity_record
        on
            entity_record.source_dataset = 'market_supervision.entity_register'
            and {{ entity_record_id(['register.registration_code']) }} = entity_record.register_no
    where not register.is_deleted
),

change_day as (
    select
        entity_key,
        version_from_date as change_date
    from version
    union distinct
    select
        entity_key,
        version_to_date as change_date
    from version
    where version_to_date is not null
)

select
    change_day.entity_key,
    change_day.change_date,
    version.registration_code,
    version.entity_name,
    version.domicile,
    version.status_code,
    version.cancelled_date,
    version.registered_capital,
    version.is_sole_trader
from change_day
left join version
    on
        change_day.entity_key = version.entity_key
        and change_day.change_date >= version.version_from_date
        and change_day.change_date < coalesce(version.version_to_date, date '9999-12-31')
qualify row_number() over (
    partition by change_day.entity_key, change_day.change_date
    order by
        case length(version.registration_code) when 18 then 0 else 1 end asc,
        case coalesce(version.status_code, '存续') when '存续' then 0 else 1 end asc,
        version.registered_date desc nulls last,
        version.registration_code asc
) = 1
