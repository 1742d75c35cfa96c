"""The one rule by which a valid citizen id is not believed: when the mention that carries it says it is somebody else.

A mention is set apart that says another birth date than its id does, under a name of which less than half sounds like
the name of the others with that id. One of the two alone is a slip or a marriage. The others' name is what most of them
sound like, of those whose birth date agrees if there are any; ties go to the smaller.
"""

JUDGED = """
with judged as (
    select
        mention_key,
        valid_id,
        name_sound,
        coalesce(birth_date = strptime(substring(valid_id, 7, 8), '%Y%m%d')::date, true) as is_birth_date_right
    from {mentions}
    where valid_id is not null
),

doubtful as (
    select distinct valid_id from judged where not is_birth_date_right
),

called as (
    select valid_id, is_birth_date_right, name_sound, count(*) as mention_count
    from judged
    where name_sound is not null and valid_id in (select valid_id from doubtful)
    group by valid_id, is_birth_date_right, name_sound
),

usual as (
    select valid_id, name_sound from called
    qualify row_number() over (
        partition by valid_id order by is_birth_date_right desc, mention_count desc, name_sound
    ) = 1
)

select
    judged.mention_key,
    not judged.is_birth_date_right
    and coalesce(
        2 * len(list_intersect(string_split(judged.name_sound, ' '), string_split(usual.name_sound, ' ')))
        < least(len(string_split(judged.name_sound, ' ')), len(string_split(usual.name_sound, ' '))),
        false
    ) as is_apart
from judged
left join usual using (valid_id)
"""
"""Of each mention in ``{mentions}`` (mention_key, valid_id, name_sound, birth_date) with an id: whether it is apart."""
