"""How mentions of natural persons are compared. Parameters are in ``person.json``; ``names`` normalises names.

Numbers of pairs are those that each blocking rule was the first to find, in the order of the rules, among 428 441
mentions of a sample city of 200 000 residents (benchmarks/linkage.py, 2026-11-26): 30 658 in all, 264 of them profiles
of several mentions weighed against themselves.
"""

from citylake.identity.models import OTHERWISE, Blocking, Comparison, Level, LinkageModel, compare

_ID = "regexp_full_match(written_id, '[1-9][0-9]{16}[0-9X]')"
# What is one digit over and over stands for "none", whatever the form asked for.
_IS_A_NUMBER = "length(replace({0}, right({0}, 1), '')) >= 3"

REGISTERED_TWICE = 0.002
"""How often two numbers of one register that are worth comparing are one person: stated, not learned.

It weighs -9 bits. Name, birth date and sex together (10 bits with the prior) stay below the threshold of 6 and are
asked about; address, phone, employer or a mistyped id beside them lift a pair above it.
"""

SPECIFICATION = LinkageModel(
    kind="person",
    columns={
        "name": "left(name, 64)",
        "name_sound": "left(name_sound, 256)",
        "birth_date": "birth_date",
        "sex_code": "sex_code",
        "region_code": "region_code",
        "address": "left(address, 128)",
        "phone": f"case when {_IS_A_NUMBER.format('phone')} then phone end",
        "organisation_code": "organisation_code",
        "represents": "case when role = 'legal_representative' then organisation_code end",
        "register": "case when is_numbered then source_dataset end",
        "written_id": f"case when {_ID} and {_IS_A_NUMBER.format('written_id')} then written_id end",
    },
    comparisons=(
        compare(
            "name",
            ("same", "name_l = name_r"),
            ("same_sound", "name_sound_l = name_sound_r"),
            (
                "other_order",
                "list_sort(string_split(name_sound_l, ' ')) = list_sort(string_split(name_sound_r, ' '))",
            ),
            (
                "one_left_out",
                "length(name_l) <> length(name_r) and damerau_levenshtein(name_l, name_r) = 1",
            ),
            ("same_surname", "left(name_l, 1) = left(name_r, 1)"),
            least={"same_sound": 0.02, "one_left_out": 0.003},
            most={"same_surname": 1e-11, "otherwise": 1e-9},
            rare="name",
            why=(
                "Clerks write characters that sound alike, leave one out or turn the order. Another given name under "
                "one surname is a sibling: twins share birth date, door and phone, and often all but one character of "
                "their names, so that no other evidence may outweigh it."
            ),
        ),
        compare(
            "birth_date",
            ("same", "birth_date_l = birth_date_r"),
            (
                "one_digit",
                "damerau_levenshtein(strftime(birth_date_l, '%Y%m%d'), strftime(birth_date_r, '%Y%m%d')) = 1",
            ),
            ("same_year", "year(birth_date_l) = year(birth_date_r)"),
            least={"one_digit": 0.005, "same_year": 0.002, "otherwise": 0.002},
        ),
        compare(
            "sex",
            ("same", "sex_code_l = sex_code_r"),
            missing="sex_code_l is null or sex_code_r is null",
            least={"otherwise": 0.002},
        ),
        compare(
            "place",
            ("same_address", "address_l = address_r"),
            ("same_community", "length(region_code_l) = 12 and region_code_l = region_code_r"),
            ("same_street", "length(region_code_l) >= 9 and left(region_code_l, 9) = left(region_code_r, 9)"),
            ("same_district", "left(region_code_l, 6) = left(region_code_r, 6)"),
            missing="(address_l is null or address_r is null) and (region_code_l is null or region_code_r is null)",
            rare="address",
            why="One field for address and division, for they say the same twice. People move: no difference excludes.",
        ),
        compare(
            "phone",
            ("same", "phone_l = phone_r"),
            ("one_digit", "damerau_levenshtein(phone_l, phone_r) = 1"),
            least={"one_digit": 0.002, "otherwise": 0.1},
            rare="phone",
            why="People change numbers and have several; families share one.",
        ),
        compare(
            "organisation",
            ("represents_same", "represents_l = represents_r"),
            ("same", "organisation_code_l = organisation_code_r"),
            least={"represents_same": 0.2, "same": 0.2},
            missing="organisation_code_l is null or organisation_code_r is null",
            rare="organisation_code",
            why="Employer, or the enterprise that somebody represents; people have several: a difference says little.",
        ),
        compare(
            "written_id",
            ("same", "written_id_l = written_id_r"),
            ("one_digit", "damerau_levenshtein(written_id_l, written_id_r) = 1"),
            ("two_digits", "damerau_levenshtein(written_id_l, written_id_r) = 2"),
            least={"otherwise": 0.005},
            rare="written_id",
            why="Of pairs compared at least one id is missing or broken: a broken one is evidence, never a key.",
        ),
        Comparison(
            "register",
            missing="register_l is null or register_r is null or register_l <> register_r",
            levels=(
                Level("same", "register_l = register_r", m=REGISTERED_TWICE, u=1 - REGISTERED_TWICE),
                Level("otherwise", OTHERWISE, m=1 - REGISTERED_TWICE, u=REGISTERED_TWICE),
            ),
            why=(
                "A register that numbers its persons says that two numbers are two persons: namesakes born on one day "
                "are two, unless more than that speaks for one. Of two registers it says nothing."
            ),
            is_stated=True,
        ),
    ),
    blocking=(
        Blocking("name_and_birth", ("name_sound", "birth_date"), "the widest: most registers have both; 18 413 pairs"),
        Blocking("phone", ("phone",), "no birth date; a name or a birth date written wrongly; 7 565 pairs"),
        Blocking(
            "name_and_organisation", ("name_sound", "organisation_code"), "employees and representatives; 3 472 pairs"
        ),
        Blocking(
            "end_of_id",
            ("right(written_id, 8)", "left(name, 1)"),
            "an error in the id's first half; the second has day of birth, sequence and check character; 612 pairs",
        ),
        Blocking(
            "start_of_id", ("left(written_id, 12)", "name_sound"), "an id with an error in its second half; 326 pairs"
        ),
        Blocking("birth_and_place", ("birth_date", "address"), "another name at the same door; 6 pairs"),
        Blocking(
            "name_and_address",
            ("name_sound", "address"),
            "a birth date written wrongly, and no phone; none that no other rule found",
        ),
    ),
    training_blocks=(
        "l.name_sound = r.name_sound and l.birth_date = r.birth_date",
        "l.phone = r.phone",
        "l.birth_date = r.birth_date and l.address = r.address",
    ),
    prior=2e-7,
    threshold=6.0,
    review_from=0.0,
    margin=4.0,
)
