"""Pairs of mentions that a person must look at: written when they arise, removed when their reason is gone."""

import duckdb

from citylake.contracts.mentions import Kind
from citylake.identity.tables import transaction

# What stays, with the run that saw it first, beside what is new.
_PAIRS = """
create or replace temp table pair as
select
    $kind as kind, doubt.left_key, doubt.right_key, $reason as reason, null::double as match_weight,
    coalesce(known.first_run_id, $run_id) as first_run_id
from doubt
left join vault.identity.review_pair as known
    on known.kind = $kind and known.reason = $reason
    and doubt.left_key = known.left_key and doubt.right_key = known.right_key
"""
_OF_CONCERNED = """
kind = $kind and reason = $reason and (
    left_key in (select mention_key from concerned) or right_key in (select mention_key from concerned)
)
"""


def replace_pairs(connection: duckdb.DuckDBPyConnection, kind: Kind, reason: str, run_id: str) -> None:
    """Make ``doubt`` the pairs of this reason among what is ``concerned``.

    Both are temporary tables: left_key, right_key (left < right); mention_key.
    """
    about = {"kind": kind, "reason": reason}
    known = connection.execute(f"select count(*) from vault.identity.review_pair where {_OF_CONCERNED}", about)
    row = connection.execute("select count(*) from doubt").fetchone() if known.fetchone() == (0,) else None
    if row == (0,):
        return
    connection.execute(_PAIRS, about | {"run_id": run_id})
    with transaction(connection):
        connection.execute(f"delete from vault.identity.review_pair where {_OF_CONCERNED}", about)
        connection.execute("insert into vault.identity.review_pair by name select * from pair")


# What clustering asks about. Whoever has no valid identifier to contradict is asked about by the other reasons only.
_LINKING_PAIRS = """
create or replace temp table pair as
select
    $kind as kind, asked.left_key, asked.right_key, asked.reason, asked.match_weight,
    coalesce(known.first_run_id, $run_id) as first_run_id
from linking_review as asked
left join vault.identity.review_pair as known
    on known.kind = $kind and known.reason = asked.reason
    and asked.left_key = known.left_key and asked.right_key = known.right_key
where asked.reason in ('uncertain', 'ambiguous', 'two_anchors', 'contradictory_decisions')
"""
_OF_LINKING = """
kind = $kind and reason in ('uncertain', 'ambiguous', 'two_anchors', 'contradictory_decisions') and (
    left_key in (select mention_key from touched) or right_key in (select mention_key from touched)
)
"""
_AS_BEFORE = f"""
select count(*) from (
    (select * from pair except select * from vault.identity.review_pair where {_OF_LINKING})
    union all
    (select * from vault.identity.review_pair where {_OF_LINKING} except select * from pair)
)
"""


def replace_linking_pairs(connection: duckdb.DuckDBPyConnection, kind: Kind, run_id: str) -> None:
    """Make what clustering asks (``linking_review``) the pairs of its reasons among what is ``touched``."""
    about = {"kind": kind}
    connection.execute(_LINKING_PAIRS, about | {"run_id": run_id})
    if connection.execute(_AS_BEFORE, about).fetchone() == (0,):
        return
    with transaction(connection):
        connection.execute(f"delete from vault.identity.review_pair where {_OF_LINKING}", about)
        connection.execute("insert into vault.identity.review_pair by name select * from pair")
