-- Statistical disclosure control of employees: what may be told of a place without telling of one employer.

-- From how many on employees of an employer are told, and employers of a place. One number; see decision 0015.
{% macro fewest_told() -%}
    5
{%- endmacro %}

-- Whether a group's total may be told: enough employers, and of those whose own count is withheld (few) either none, or
-- several that the total leaves open: all with one, or all with the most, would be known by it. Over columns of a
-- relation: employer_count, few_count, few_most and few_least (the largest and the smallest withheld count).
{% macro is_told_together() -%}
    (
        employer_count >= {{ fewest_told() }}
        and (few_count = 0 or (few_count > 1 and few_most > 1 and few_least < {{ fewest_told() }} - 1))
    )
{%- endmacro %}

-- Employers whose place may not be told by itself, put into the place above; where those are still too few there, the
-- smallest others of that place are put with them until they are not, or until it has no other. The relation has
-- entity_key, person_count (its persons of today), part_code (the place of the finer level, null where that is not
-- known) and whole_code (the one above). Adds told_code.
{% macro placed_together(relation) -%}
    with part as (
        select
            whole_code,
            part_code,
            count(case when person_count > 0 then 1 end) as employer_count,
            count(case when person_count between 1 and {{ fewest_told() }} - 1 then 1 end) as few_count,
            max(case when person_count between 1 and {{ fewest_told() }} - 1 then person_count end) as few_most,
            min(case when person_count between 1 and {{ fewest_told() }} - 1 then person_count end) as few_least,
            sum(person_count) as person_count
        from {{ relation }}
        group by whole_code, part_code
    ),

    judged as (
        select
            *,
            part_code is not null and {{ is_told_together() }} as is_told
        from part
    ),

    -- With each part, those before it: first all that cannot be told, then the others by their size.
    gathered as (
        select
            whole_code,
            part_code,
            row_number() over so_far as place_number,
            count(case when not is_told then 1 end) over (partition by whole_code) as untold_parts,
            sum(employer_count) over so_far as employer_count,
            sum(few_count) over so_far as few_count,
            max(few_most) over so_far as few_most,
            min(few_least) over so_far as few_least
        from judged
        window so_far as (
            partition by whole_code order by is_told asc, person_count asc, part_code asc rows unbounded preceding
        )
    ),

    enough as (
        select
            whole_code,
            min(case when place_number >= untold_parts and {{ is_told_together() }} then place_number end) as part_count
        from gathered
        group by whole_code
    )

    select
        employer.*,
        case
            when gathered.untold_parts = 0 or gathered.place_number > enough.part_count then employer.part_code
            else employer.whole_code
        end as told_code
    from {{ relation }} as employer
    inner join gathered
        on employer.whole_code = gathered.whole_code and employer.part_code is not distinct from gathered.part_code
    left join enough on employer.whole_code = enough.whole_code
{%- endmacro %}
