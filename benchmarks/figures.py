"""What is made of measurements: medians, percentiles, and ratios that are taken within a round."""

from collections.abc import Sequence
from statistics import median


def percentile(values: Sequence[float], percent: float) -> float:
    """The least value that this many percent of the values do not exceed (nearest rank).

    >>> percentile([4, 1, 3, 2], 50), percentile([4, 1, 3, 2], 99)
    (2, 4)
    """
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)  # rounded up
    return ordered[max(0, int(rank) - 1)]


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the rounds' ratios: what slows a whole round down slows both, and cancels out.

    >>> ratio([2, 20, 6], [1, 10, 2])
    2.0
    """
    return median(our / their for our, their in zip(ours, theirs, strict=True))


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """The least, the median and the greatest.

    >>> spread([3, 1, 2])
    (1, 2, 3)
    """
    return min(values), median(values), max(values)
