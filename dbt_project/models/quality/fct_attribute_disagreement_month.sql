-- One row per attribute, dataset that counts, dataset that says otherwise, and month: disagreements that are open.
-- Grain: kind, attribute, winner_dataset, other_dataset, month_date.
-- Nuance: what is open today, by the month in which the other department last said so: what it goes on saying is
-- recent, what nobody has looked at for years is old. Counts only; of persons people has each by key, of either the
-- vault has the values.
with disagreement as (
    select
        *,
        cast(date_trunc('month', last_extract_date) as date) as month_date
    from {{ source('identity', 'attribute_disagreement') }}
),

dataset as (
    select
        dataset,
        department_code
    from {{ ref('dim_dataset') }}
)

select
    disagreement.month_date,
    disagreement.kind,
    disagreement.attribute,
    disagreement.winner_dataset,
    winner.department_code as winner_department_code,
    disagreement.other_dataset,
    other.department_code as other_department_code,
    count(distinct disagreement.key) as disagreement_count
from disagreement
inner join dataset as winner on disagreement.winner_dataset = winner.dataset
inner join dataset as other on disagreement.other_dataset = other.dataset
group by
    disagreement.month_date,
    disagreement.kind,
    disagreement.attribute,
    disagreement.winner_dataset,
    winner.department_code,
    disagreement.other_dataset,
    other.department_code
