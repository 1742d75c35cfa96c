-- Every change of a key, and the keys that the new one has become since; those of one kind, or of both.
-- A key that was merged leads on to where it went; one that was split leads to itself and to what split off, which an
-- older key led to as well. So an old key is followed through all later changes, never back in time.
{% macro key_history(kind) -%}
with recursive event as (
    select distinct
        kind,
        old_key,
        new_key,
        changed_date,
        event_type
    from {{ source('identity', 'key_event') }}
    {%- if kind %}
    where kind = '{{ kind }}'
    {%- endif %}
),

merged as (
    select distinct
        kind,
        old_key,
        new_key
    from event
    where event_type = 'merge'
),

followed as (
    select
        kind,
        old_key,
        new_key,
        new_key as later_key
    from event
    union
    select
        followed.kind,
        followed.old_key,
        followed.new_key,
        merged.new_key as later_key
    from followed
    inner join merged on followed.kind = merged.kind and followed.later_key = merged.old_key
),

current_state as (
    select
        followed.kind,
        followed.old_key,
        followed.new_key,
        followed.later_key as current_key
    from followed
    left join merged on followed.kind = merged.kind and followed.later_key = merged.old_key
    where merged.old_key is null
)

select
    event.kind,
    event.old_key,
    event.new_key,
    event.changed_date,
    event.event_type,
    current_state.current_key
from event
inner join current_state
    on
        event.kind = current_state.kind
        and event.old_key = current_state.old_key
        and event.new_key = current_state.new_key
{%- endmacro %}
