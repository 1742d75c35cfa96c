-- A case that had fallen due and was not closed by the month's end is in that month's backlog, and no other is. The two
-- facts are computed apart: should they differ, one of the rates or the backlog on the leader's screen is wrong.
with due as (
    select
        case_key,
        month_date
    from {{ ref('fct_urban_case_due') }}
    where not is_closed
),

backlog as (
    select
        backlog.case_key,
        backlog.month_date
    from {{ ref('fct_urban_case_backlog') }} as backlog
    inner join {{ ref('fct_urban_case_due') }} as due
        on backlog.case_key = due.case_key and backlog.month_date = due.month_date
)

select
    due.case_key as due_key,
    backlog.case_key as backlog_key
from due
full outer join backlog on due.case_key = backlog.case_key and due.month_date = backlog.month_date
where due.case_key is null or backlog.case_key is null
