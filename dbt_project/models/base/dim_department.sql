-- One row per department that delivers data, owns indicators or handles cases.
-- Grain: department_code.
-- Nuance: the codes are this project's own and the first part of a dataset's name.
select
    department_code,
    department_name_zh,
    department_name_en
from {{ ref('department') }}
