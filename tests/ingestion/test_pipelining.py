"""Work on several cores: what comes out is what one core would have made, and a fault is not swallowed."""

import threading
from collections.abc import Iterator

import pytest

from ingestion.pipelining import behind, in_order


def test_results_come_in_the_order_of_their_items_whichever_is_ready_first() -> None:
    # A batch that overtakes another would give its rows the lines of that other.
    second_is_made = threading.Event()

    def make(item: int) -> int:
        if item == 0:
            second_is_made.wait(timeout=30)
        if item == 1:
            second_is_made.set()
        return item * 10

    assert list(in_order(make, range(20), workers=2)) == [item * 10 for item in range(20)]


def test_no_more_items_are_taken_than_are_worked_on_and_one() -> None:
    # A file is larger than memory: blocks taken as fast as a disk gives them would fill it.
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(20):
            taken.append(item)
            yield item

    for used, _ in enumerate(in_order(str, items(), workers=2), start=1):
        assert len(taken) <= used + 2


def test_what_fails_in_making_or_in_taking_is_raised_after_what_came_before() -> None:
    # A refusal that a thread keeps to itself is half a file loaded.
    def items() -> Iterator[int]:
        yield from (1, 0, 2)

    results = in_order(lambda item: 1 // item, items(), workers=1)
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)

    def broken() -> Iterator[int]:
        yield 1
        raise EOFError

    with pytest.raises(EOFError):
        list(in_order(str, broken(), workers=2))


def test_what_fails_in_using_is_raised_before_the_context_is_left() -> None:
    # The last batch is the one nobody waits for.
    used: list[int] = []
    with behind(used.append) as use:
        use(1)
        use(2)
    assert used == [1, 2]
    with pytest.raises(ZeroDivisionError), behind(lambda item: 1 // item) as use:
        use(0)
