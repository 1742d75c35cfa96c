"""The questions of docs/analysts.md, each asked of a released sample city."""

import re

import duckdb
import pytest

from citylake.lake.reader import connect
from citylake.lake.settings import PROJECT_ROOT
from tests.integration.small_city import SmallCity

DOCUMENT = (PROJECT_ROOT / "docs" / "analysts.md").read_text(encoding="utf-8")
QUESTIONS = re.findall(r"```sql\n(-- \d+\..*?)```", DOCUMENT, re.DOTALL)


@pytest.fixture
def lake(first_night: SmallCity) -> duckdb.DuckDBPyConnection:
    return connect(settings=first_night.settings, locked=True)


def test_the_questions_are_numbered_as_many_as_the_title_says() -> None:
    assert "eighteen questions" in DOCUMENT
    assert [question.split(".")[0] for question in QUESTIONS] == [f"-- {number}" for number in range(1, 19)]


@pytest.mark.parametrize("question", QUESTIONS, ids=[question.split(".")[0] for question in QUESTIONS])
def test_every_question_has_an_answer(lake: duckdb.DuckDBPyConnection, question: str) -> None:
    # Would catch a renamed column or an indicator without figures: no question may come back empty.
    assert lake.execute(question).fetchall() != []


def test_every_table_and_column_has_a_comment(lake: duckdb.DuckDBPyConnection) -> None:
    bare = lake.execute(
        "select schema_name || '.' || table_name from duckdb_tables() where database_name = 'city' and comment is null "
        "union all select schema_name || '.' || table_name || '.' || column_name from duckdb_columns() "
        "where database_name = 'city' and not internal and comment is null"
    ).fetchall()
    assert bare == []


def test_the_levels_of_the_city_agree(lake: duckdb.DuckDBPyConnection) -> None:
    seventh = next(question for question in QUESTIONS if question.startswith("-- 7."))
    figures = lake.execute(seventh).fetchall()
    assert {row[1] for row in figures} == {"city", "district", "street"}
    assert len({row[2] for row in figures}) == 1
