"""What those who try to bend approvals come upon, and how often; each is a method of `bending.Bending`."""

from typing import Any

from hypothesis import strategies as st

from flowops.domain.access import Role
from tests.bent.judging import EMAILS, PEOPLE, TOTAL

WHO = st.sampled_from([*PEOPLE, "Sue", "Tom", "Una", "Vic"])
AMOUNT = st.sampled_from([None, 49_00, 49_00, 150_00, 300_00, 600_00, 600_00])
WHICH = st.sampled_from([0, 0, 0, 1, 1, 1, 2, 2, 3])


def scene(name: str, **how: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    return st.tuples(st.just(name), st.fixed_dictionaries(how))


PROPOSE = scene("propose", amount=AMOUNT, who=st.sampled_from(["bot", "Sue", "Tom"]))
APPROVE = scene("approve", who=WHO, which=WHICH, seen=st.sampled_from(["now", "bound", "first"]))
MANY = st.permutations(["Ada", "Sue", "Tom", "Una", "Vic", "Lin"])
TOGETHER = scene(
    "approve_together",
    many=MANY,
    which=WHICH,
    enough=st.integers(1, 6),
    twice=st.booleans(),
    amount=AMOUNT,
    by=st.sampled_from(["bot", "Sue", "Tom"]),
    then=st.sampled_from(["no", "no", "at once", "at once", "late"]),
    meanwhile=st.sampled_from(["nothing", "nothing", "nothing", Role.VIEWER, None, "a link"]),
)
SPEND = scene(
    "spend",
    amounts=st.lists(st.sampled_from([300_00, 300_00, 600_00]), min_size=2, max_size=3),
    many=MANY,
    hours=st.sampled_from([0, 11.75, 13]),
)
REFUSE = scene("refuse", who=WHO, which=WHICH, how=st.sampled_from(["decline", "cancel"]))
RECORDS = scene(
    "change_the_records",
    left=st.sampled_from([TOTAL, TOTAL, TOTAL - 1, TOTAL - 1, 100_00, 0]),
    email=st.none() | st.none() | st.sampled_from(EMAILS),
)
PERSON = scene(
    "change_a_person", who=WHO, role=st.sampled_from([Role.VIEWER, Role.OPERATOR, Role.SUPERVISOR, None, "a link"])
)
WAIT = scene(
    "wait", seconds=st.sampled_from([10, 3600, 86_400, *[7 * 86_400] * 3]), sweeps=st.sampled_from([False, False, True])
)
CARRY_OUT = scene(
    "carry_out",
    which=WHICH,
    in_time=st.sampled_from([True, True, True, False]),
    ends=st.sampled_from(["done", "put back", "lost"]),
)
SCENE = st.one_of(
    PROPOSE, APPROVE, *[TOGETHER] * 4, SPEND, SPEND, RECORDS, PERSON, WAIT, WAIT, REFUSE, *[CARRY_OUT] * 4
)
