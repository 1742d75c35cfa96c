-- Every handling department that cases name is one of ours. A department nobody knows yet must not stop the night, its
-- cases count in the city's figures all the same: so this warns, and somebody adds it to the seed.
{{ config(severity = 'warn') }}
select
    urban_case.department_code,
    count(*) as case_count
from {{ ref('stg_urban_management__urban_case') }} as urban_case
left join {{ ref('dim_department') }} as department on urban_case.department_code = department.department_code
where urban_case.department_code is not null and department.department_code is null
group by urban_case.department_code
