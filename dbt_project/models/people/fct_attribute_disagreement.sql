-- One row per person, attribute and dataset that says something else of the person than the one whose value counts.
-- Grain: person_key, attribute, other_dataset.
-- Nuance: that they differ, not what they say: values stay in the vault (citylake disagreements). Records that no
-- longer hold disagree with nobody, and writing the same otherwise is no disagreement.
select
    key as person_key,
    attribute,
    winner_dataset,
    other_dataset,
    cast(count(*) as integer) as value_count,
    min(first_extract_date) as first_extract_date,
    max(last_extract_date) as last_extract_date
from {{ source('identity', 'attribute_disagreement') }}
where kind = 'person'
group by key, attribute, winner_dataset, other_dataset
