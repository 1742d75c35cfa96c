"""Work in two places at once, one step ahead or one step behind; what fails there is raised here. Knows no data."""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar, cast

T = TypeVar("T")


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items; while one is used, the next is made."""
    end = object()
    with ThreadPoolExecutor(1) as maker:
        coming: Future[T | object] = maker.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = maker.submit(next, items, end)
            yield cast("T", item)


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
