"""How mentions of organisations are compared. Parameters are in ``entity.json``; names are normalised by ``names``.

Numbers of pairs are those that each blocking rule was the first to find, in the order of the rules, among 143 729
mentions of a sample city of 200 000 residents (benchmarks/linkage.py, 2026-11-26): 10 692 in all. Rules without a
number found none that those before them had not.
"""

from citylake.identity.models import Blocking, LinkageModel, compare

_IS_A_NUMBER = "length(replace(written_code, right(written_code, 1), '')) >= 3"

SPECIFICATION = LinkageModel(
    kind="entity",
    columns={
        "name": "left(name, 128)",
        "name_core": "left(name_core, 128)",
        "name_sound": "left(name_sound, 512)",
        "region_code": "region_code",
        "address": "left(address, 128)",
        "representative": "left(representative, 64)",
        "written_code": f"case when length(written_code) between 9 and 20 and {_IS_A_NUMBER} then written_code end",
    },
    comparisons=(
        compare(
            "name",
            ("same", "name_l = name_r"),
            ("same_core", "name_core_l = name_core_r"),
            ("same_sound", "name_sound_l = name_sound_r"),
            (
                "one_character",
                "length(name_core_l) + length(name_core_r) >= 8 and damerau_levenshtein(name_core_l, name_core_r) = 1",
            ),
            ("alike", "jaro_winkler_similarity(name_core_l, name_core_r) >= 0.9"),
            least={"same_core": 0.03, "same_sound": 0.01},
            most={"one_character": 5e-8, "alike": 1e-8, "otherwise": 1e-8},
            rare="name",
            why=(
                "Without organisation form, brackets and region two names are often one; the core tells who it is. "
                "Firms of one owner under one roof have other names, some by a character: they must stay apart."
            ),
        ),
        compare(
            "place",
            ("same_address", "address_l = address_r"),
            ("same_street", "length(region_code_l) >= 9 and left(region_code_l, 9) = left(region_code_r, 9)"),
            ("same_district", "left(region_code_l, 6) = left(region_code_r, 6)"),
            missing="(address_l is null or address_r is null) and (region_code_l is null or region_code_r is null)",
            least={"same_address": 0.5, "same_street": 0.1, "same_district": 0.1, "otherwise": 0.1},
            least_u={"same_street": 0.02, "same_district": 0.15},
            rare="address",
            why="Seats move; of the sample city only the register knows an address, so these are stated, not learned.",
        ),
        compare(
            "representative",
            ("same", "representative_l = representative_r"),
            least={"otherwise": 0.1},
            rare="representative",
            why="Representatives change.",
        ),
        compare(
            "written_code",
            ("same", "written_code_l = written_code_r"),
            ("one_character", "damerau_levenshtein(written_code_l, written_code_r) = 1"),
            ("two_characters", "damerau_levenshtein(written_code_l, written_code_r) = 2"),
            ("other_kind", "length(written_code_l) <> length(written_code_r)"),
            least={"two_characters": 0.01, "other_kind": 0.02, "otherwise": 0.01},
            rare="written_code",
            why="A code with a broken check character is evidence, never a key; one of another kind says nothing.",
        ),
    ),
    blocking=(
        Blocking("name", ("name",), "another number under the same name; 1 171 pairs"),
        Blocking("name_sound", ("name_sound", "representative"), "a name written otherwise, under one representative"),
        Blocking(
            "core_and_code", ("name_core", "left(written_code, 9)"), "another form of name, a wrong character; 80 pairs"
        ),
        Blocking("start_of_code", ("left(written_code, 12)",), "an error in the last characters; 9 439 pairs"),
        Blocking("end_of_code", ("right(written_code, 6)",), "an error in the first characters"),
        Blocking("address_and_representative", ("address", "representative"), "an enterprise that was renamed"),
    ),
    training_blocks=(
        "l.name = r.name",
        "left(l.written_code, 12) = left(r.written_code, 12)",
    ),
    prior=1e-6,
    threshold=6.0,
    review_from=0.0,
    margin=4.0,
)
