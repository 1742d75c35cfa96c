"""The tables of ``vault.identity``: their columns, what they mean, and how a home of before comes to have them.

All of them are restricted. Who writes which is said in the module that does.
"""

from collections.abc import Generator
from contextlib import contextmanager

import duckdb

_RECORD = """
    source_dataset varchar, register_no varchar, source_record_key varchar, {kind}_key varchar,
    match_rule varchar, match_weight double, matched_record_key varchar
"""
_KEY = "{kind}_key varchar, founding_source_record_key varchar, generation integer, minted_run_id varchar"

PERSON_MENTION = """
    mention_key varchar, source_dataset varchar, register_no varchar, role varchar, anchor_id varchar,
    written_id varchar, name varchar, name_sound varchar, birth_date date, sex_code varchar, region_code varchar,
    address varchar, phone varchar, organisation_code varchar, extract_date date, delivery_id varchar,
    is_standing boolean, content_hash varchar, valid_id varchar, is_numbered boolean
"""
ENTITY_MENTION = """
    mention_key varchar, source_dataset varchar, register_no varchar, role varchar, anchor_id varchar,
    written_code varchar, uscc varchar, registration_no varchar, organisation_code varchar, tax_no varchar,
    institution_no varchar, association_no varchar, name varchar, name_core varchar, name_sound varchar,
    region_code varchar, address varchar, representative varchar, extract_date date, delivery_id varchar,
    is_standing boolean, content_hash varchar
"""
LINKAGE_RUN = """
    run_id varchar, kind varchar, as_of_date date, linked_at timestamptz, decided_until timestamptz,
    model_version varchar, is_relink boolean, mentions bigint, changed_mentions bigint, standing_mentions bigint,
    keys bigint, records bigint, records_by_rule varchar, loose_mentions bigint, unlinked_mentions bigint,
    nobody_mentions bigint, largest_cluster bigint, largest_cluster_records bigint, pairs_by_reason varchar,
    contradictory_decisions bigint, capped_values bigint, capped_profiles bigint, diverging_mentions bigint,
    labelled_pairs bigint, precision_estimate double, precision_low double, precision_high double, precision_n double,
    recall_estimate double, recall_low double, recall_high double, recall_n double
"""
CHANGED_KEY = "kind varchar, key varchar, is_moved boolean"
MENTION = {"person": PERSON_MENTION, "entity": ENTITY_MENTION}

_TABLES = {
    "keeper": "fingerprint varchar, record_secret varchar",
    "person_mention": PERSON_MENTION,
    "entity_mention": ENTITY_MENTION,
    "extracted_dataset": "source_dataset varchar, fingerprint varchar, deliveries varchar[]",
    "unfinished_run": "kind varchar, run_id varchar",
    "changed_key": CHANGED_KEY,
    "person_record": _RECORD.format(kind="person"),
    "entity_record": _RECORD.format(kind="entity"),
    "retired_record": """
        kind varchar, source_dataset varchar, register_no varchar, source_record_key varchar, key varchar
    """,
    "past_record": """
        kind varchar, source_dataset varchar, register_no varchar, source_record_key varchar, key varchar
    """,
    "person_key": _KEY.format(kind="person"),
    "entity_key": _KEY.format(kind="entity"),
    "key_event": """
        kind varchar, old_key varchar, new_key varchar, changed_date date, event_type varchar, reason varchar,
        record_count integer, evidence_record_key varchar, run_id varchar
    """,
    "review_pair": """
        kind varchar, left_key varchar, right_key varchar, reason varchar, match_weight double, first_run_id varchar
    """,
    "decision": """
        kind varchar, left_key varchar, right_key varchar, decision varchar, decided_at timestamptz,
        decided_by varchar, why varchar
    """,
    "review_sample": """
        kind varchar, left_key varchar, right_key varchar, stratum integer, stratum_pairs bigint, match_weight double,
        is_linked boolean, model_version varchar, drawn_at timestamptz, drawn_by varchar
    """,
    "linkage_model": "kind varchar, version varchar, adopted_run_id varchar, fingerprint varchar",
    "linkage_run": LINKAGE_RUN,
}

_COMMENTS = {
    "keeper": "Whether the secret is still the one that keys were made with, and the secret of published records' keys",
    "person_mention": "Persons as records in force name them, normalised: what linking compares",
    "entity_mention": "Organisations as records in force name them, normalised: what linking compares",
    "extracted_dataset": "What the mentions of each dataset were last read from",
    "unfinished_run": "The run whose changed mentions are written and whose records are not yet: it was cut short",
    "changed_key": "Keys whose records were written since attributes were last chosen; is_moved: only their days were",
    "person_record": "Which person each record in force names, by which rule",
    "entity_record": "Which entity each record in force names, by which rule",
    "retired_record": "Records that are not in force any more, with the key that waits for them to come back",
    "past_record": "Records that were deleted, and who carries their number today: whose past they tell",
    "person_key": "Every person key ever made and the record that it was made over; keys are never reused",
    "entity_key": "Every entity key ever made and the record that it was made over; keys are never reused",
    "key_event": "Every change of a record's key: merge or split, with date, reason, evidence and run",
    "review_pair": "Pairs of mentions that a person must look at, and why",
    "decision": "What people decided about pairs of mentions, by whom, when and why; the last word counts",
    "review_sample": "Pairs drawn at random for measuring, and whether they were linked when they were drawn",
    "linkage_model": "Which version of the linkage model each kind is linked with, and since which run",
    "linkage_run": "What each night's linking came to: counts, shares, and the precision and recall that reviews show",
}

# A home of before kept less, and persons only. Every key of theirs in it stays.
_ADDED = {
    "keeper": {"record_secret": "varchar"},
    "linkage_model": {"fingerprint": "varchar"},
    "extracted_dataset": {"deliveries": "varchar[]"},
    "person_mention": {"is_numbered": "boolean"},
    "person_record": {"match_weight": "double", "matched_record_key": "varchar"},
    "key_event": {"kind": "varchar", "record_count": "integer", "evidence_record_key": "varchar"},
}


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Generator[None]:
    """All that is written inside, or nothing. Only writing belongs inside.

    What is computed is computed before it: DuckDB counts a table made in a transaction that is still open as empty
    (seen in 1.5.5), and joins of a million rows planned for none take hours.
    """
    connection.execute("begin")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def forget(connection: duckdb.DuckDBPyConnection, *, but: tuple[str, ...] = ()) -> None:
    """Drop temporary tables that no later step reads, the keeper's aside: of a city they are gigabytes."""
    # Not duckdb_tables(): it would read the statistics of every table of the lakes.
    tables = connection.execute(
        "select distinct table_name from duckdb_columns() where database_name = 'temp' and table_name not in "
        "(select view_name from duckdb_views() where temporary)"
    ).fetchall()
    drops = [f'drop table "{table}"' for (table,) in tables if table not in but and table != "keeper_pad"]
    # In one transaction: each of its own would look for what changed in every lake.
    connection.execute("; ".join(["begin", *drops, "commit"]))


def prepare_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create what is missing; give tables of before the columns that they lack. Inside the caller's transaction."""
    connection.execute("create schema if not exists vault.identity")
    known = _known_columns(connection)
    for table, columns in _TABLES.items():
        if table not in known:
            connection.execute(f"create table vault.identity.{table} ({columns})")
            comment = _COMMENTS[table].replace("'", "''")
            connection.execute(f"comment on table vault.identity.{table} is '{comment}'")
    for table, columns in _ADDED.items():
        for column, kind in columns.items():
            if table in known and column not in known[table]:
                connection.execute(f"alter table vault.identity.{table} add column {column} {kind}")
    if "key_event" in known and "kind" not in known["key_event"]:
        connection.execute("update vault.identity.key_event set kind = 'person'")


def known_tables(connection: duckdb.DuckDBPyConnection, schema: str) -> set[str]:
    """The tables and views of a schema of the vault."""
    rows = connection.execute(
        "select distinct table_name from duckdb_columns() where database_name = 'vault' and schema_name = ?", [schema]
    ).fetchall()
    return {name for (name,) in rows}


def _known_columns(connection: duckdb.DuckDBPyConnection) -> dict[str, set[str]]:
    rows = connection.execute(
        "select table_name, list(column_name) from duckdb_columns() "
        "where database_name = 'vault' and schema_name = 'identity' group by table_name"
    ).fetchall()
    return {table: set(columns) for table, columns in rows}
