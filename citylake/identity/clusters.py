"""Which mentions are one person or entity: the one place where linking is called.

Mentions of one anchor are one cluster; one without stands for itself if it can, and else names nobody.
"""

import duckdb

from citylake.contracts.mentions import Kind

_RULES = {"person": "valid_citizen_id", "entity": "valid_identifier"}

_CLUSTER = """
create or replace temp table cluster as
select
    mention_key,
    coalesce('anchor|' || anchor_id, 'record|' || mention_key) as cluster,
    if(anchor_id is null, 'own_record', '{rule}') as match_rule,
    null::double as match_weight,
    null::varchar as matched_key
from vault.identity.{kind}_mention
where
    anchor_id in (select anchor_id from touched)
    or (anchor_id is null and is_standing and mention_key in (select mention_key from touched))
"""


def cluster_mentions(connection: duckdb.DuckDBPyConnection, kind: Kind) -> None:
    """The clusters that hold a mention, or have an anchor, of the temporary table ``touched`` (mention_key, anchor_id).

    Writes the temporary table ``cluster``: mention_key, cluster (a label of this night), match_rule, match_weight (log2
    Bayes factor; null where no probability was asked) and matched_key (the mention through which it attached; null for
    anchors). Its clusters are whole. A touched mention that is in none of them names nobody; whoever clusters more than
    what was touched adds those mentions to it.
    """
    connection.execute(_CLUSTER.format(kind=kind, rule=_RULES[kind]))
