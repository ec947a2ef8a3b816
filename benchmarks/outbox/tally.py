"""A piece of memory shared by all processes of one run, in which workers note when each job ran."""

import mmap
import time
from pathlib import Path

_NUMBER = 8  # bytes


class Tally:
    """When job 0, 1, ... ran, and how many jobs each worker ran; noting it costs well under a microsecond.

    The clock is monotonic and the same in every process of a machine.
    """

    def __init__(self, path: Path, jobs: int, workers: int, slot: int = 0) -> None:
        size = (jobs + workers) * _NUMBER
        if not path.exists():
            path.write_bytes(bytes(size))
        with path.open("r+b") as file:
            self._numbers = memoryview(mmap.mmap(file.fileno(), size)).cast("q")
        self._jobs, self._workers, self._slot = jobs, workers, jobs + slot

    def ran(self, number: int) -> None:
        """The job of this number runs now, in this process."""
        self._numbers[number] = time.monotonic_ns()
        self._numbers[self._slot] += 1

    def count(self) -> int:
        """How many jobs ran; one that ran twice counts twice."""
        return sum(self._numbers[self._jobs : self._jobs + self._workers])

    def times(self) -> list[int]:
        """When each job ran (last), in nanoseconds; 0 for one that did not."""
        return self._numbers[: self._jobs].tolist()
