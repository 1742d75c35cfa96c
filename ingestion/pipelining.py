"""Work on several cores at once, in order and a few steps ahead; what fails there is raised here. Knows no data."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
Made = TypeVar("Made")

_CORES = os.cpu_count() or 1


def in_order(make: Callable[[T], Made], items: Iterable[T], workers: int = _CORES) -> Iterator[Made]:
    """What is made of each item, in the order of the items; as many are made at once as there are cores.

    One more is taken ahead of those, and no others: memory is that of a few items, however many there are.
    """
    coming: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(workers) as makers:
        for item in items:
            coming.append(makers.submit(make, item))
            if len(coming) > workers:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


@contextmanager
def behind(use: Callable[[T], None]) -> Generator[Callable[[T], None]]:
    """Hand items on; while one is used, the next can be made. All are used once the context ends."""
    with ThreadPoolExecutor(1) as user:
        last: Future[None] = user.submit(lambda: None)

        def hand_on(item: T) -> None:
            nonlocal last
            last.result()
            last = user.submit(use, item)

        yield hand_on
        last.result()
