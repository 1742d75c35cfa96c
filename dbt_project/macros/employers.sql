-- Statistical disclosure control of employees: what may be told of a place without telling of one employer.

-- From how many on employees of an employer are told, and employers of a place. One number; see decision 0015.
{% macro fewest_told() -%}
    5
{%- endmacro %}

-- Whether a group's total may be told, over rows of one employer with person_count, its persons of today: enough
-- employers, and of those whose own count is withheld either none, or several that the total leaves open (all with one,
-- or all with the most, would be known by it).
{% macro is_told_together() -%}
    {%- set few = 'person_count between 1 and ' ~ (fewest_told() | int - 1) -%}
    count(case when person_count > 0 then 1 end) >= {{ fewest_told() }}
    and (
        count(case when {{ few }} then 1 end) = 0
        or (
            count(case when {{ few }} then 1 end) > 1
            and max(case when {{ few }} then person_count end) > 1
            and min(case when {{ few }} then person_count end) < {{ fewest_told() | int - 1 }}
        )
    )
{%- endmacro %}

-- Employers whose place may not be told by itself, put into the place above: with all others of that place where those
-- that are left over would be too few there. The relation has entity_key, person_count, part_code (the place of the
-- finer level, null where that is not known) and whole_code (the one above). Adds told_code.
{% macro placed_together(relation) -%}
    select
        employer.*,
        case
            when part.is_told and left_over.is_told is not false then employer.part_code
            else employer.whole_code
        end as told_code
    from {{ relation }} as employer
    left join (
        select
            part_code,
            {{ is_told_together() }} as is_told
        from {{ relation }}
        where part_code is not null
        group by part_code
    ) as part on employer.part_code = part.part_code
    left join (
        select
            whole_code,
            {{ is_told_together() }} as is_told
        from {{ relation }}
        where
            part_code is null
            or part_code not in (
                select told.part_code from {{ relation }} as told
                where told.part_code is not null
                group by told.part_code
                having {{ is_told_together() }}
            )
        group by whole_code
    ) as left_over on employer.whole_code = left_over.whole_code
{%- endmacro %}
