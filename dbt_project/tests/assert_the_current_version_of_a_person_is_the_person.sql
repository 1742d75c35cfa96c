-- Today's version says what the dimension says, for everybody whom a register describes today and for nobody else. A
-- history that reads other deliveries, or prefers another record, would answer as-of questions wrongly without a trace.
with described as (
    select * from {{ ref('dim_person') }}
    where source_record_count > 0
),

current_version as (
    select * from {{ ref('dim_person_version') }}
    where is_current
)

select
    described.person_key,
    current_version.person_key as version_person_key
from described
full join current_version on described.person_key = current_version.person_key
where
    described.person_key is null
    or current_version.person_key is null
    -- A place from a source that is no register has no history.
    or (
        described.region_code <> current_version.region_code
        and described.region_source in (select version.source_dataset from {{ ref('int_person_version') }} as version)
    )
    or described.status_code <> current_version.status_code
