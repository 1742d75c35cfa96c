-- One row per department that delivers data, owns indicators or handles cases.
-- Grain: department_code.
-- Nuance: the codes are this project's own and the first part of a dataset's name. Who delivers is named by its
-- contracts: the seed need not know it.
with departments as (
    select * from {{ ref('department') }}
),

delivering as (
    {{ delivering_departments() }}
)

select
    department_code,
    department_name_zh,
    department_name_en
from departments
union all
select
    department_code,
    department_name_zh,
    department_name_en
from delivering
where department_code not in (select department_code from departments)
