"""How long to wait before trying again, and when to give up."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Schedule:
    """How long to wait at most after each try but the last one."""

    ceilings: tuple[timedelta, ...]

    @property
    def tries(self) -> int:
        return len(self.ceilings) + 1

    def wait(self, claims: int, dice: float, retry_after: timedelta | None = None) -> timedelta:
        """How long a job waits after its n-th failed claim, with full jitter.

        `dice` is uniform in [0, 1), so a thousand jobs that failed together do not return together
        (Brooker, "Exponential Backoff And Jitter", AWS 2015). What the other side asked for is a lower bound.

        >>> USUAL.wait(1, 0.5), USUAL.wait(3, 0.5)
        (datetime.timedelta(seconds=5), datetime.timedelta(seconds=120))
        >>> USUAL.wait(1, 0.5, retry_after=timedelta(seconds=30))
        datetime.timedelta(seconds=35)
        """
        return (retry_after or timedelta(0)) + self.ceilings[min(claims, len(self.ceilings)) - 1] * dice

    def is_spent(self, claims: int) -> bool:
        """Has a job been claimed as often as it may be?

        Claims count, not failures: a job that kills its worker never reports a failure.

        >>> USUAL.is_spent(4), USUAL.is_spent(5)
        (False, True)
        """
        return claims >= self.tries


# Five tries outlast a deployment or a greylisting mail server, not only a hiccup.
USUAL = Schedule((timedelta(seconds=10), timedelta(seconds=50), timedelta(minutes=4), timedelta(minutes=21)))
# Ten tries over about 75 hours, for half of a ceiling is waited on average: somebody else's system may be down over a
# weekend, and nobody of ours can mend it.
PATIENT = Schedule(
    (
        timedelta(seconds=10),
        timedelta(minutes=10),
        timedelta(hours=1),
        timedelta(hours=4),
        timedelta(hours=10),
        timedelta(hours=20),
        timedelta(hours=28),
        timedelta(hours=40),
        timedelta(hours=47),
    )
)
