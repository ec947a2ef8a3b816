"""How many threads of this process may be with one other side at once, so that a silent one leaves some free."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from flowops import errors

QUICK = 0.5  # seconds; a call that takes no longer is worth waiting for
EACH = 10  # seconds until who is turned away comes again, for each that was
LONGEST = 600  # seconds until it comes again at the latest


class Turns:
    """Who has a turn with whom. A turn is for the length of one call, and is not kept for anybody."""

    def __init__(self) -> None:
        self._freed = threading.Condition()
        self._since: defaultdict[str, list[float]] = defaultdict(list)  # of each running call, the oldest first
        self._turned_away: Counter[str] = Counter()  # since somebody had a turn the last time

    @contextmanager
    def taking(self, who: str, most: int) -> Iterator[None]:
        """Be one of at most so many with this other side; wait a moment for others that are quick.

        Raises TurnedAway once the others take long. It says within how many seconds to come again, more with each that
        was turned away since the last turn: the more are waiting, the more seldom each asks.
        """
        with self._freed:
            running = self._since[who]
            while len(running) >= most:
                left = running[0] + QUICK - time.monotonic()
                if left <= 0:
                    self._turned_away[who] += 1
                    raise errors.TurnedAway(id=who, seconds=min(LONGEST, EACH * self._turned_away[who]))
                self._freed.wait(left)
            began = time.monotonic()
            running.append(began)
            del self._turned_away[who]
        try:
            yield
        finally:
            with self._freed:
                running.remove(began)
                self._freed.notify_all()
