"""Exactly one of many people who claim a case at once gets it, and everybody else is told who and when."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx

from flowops.actions import handoffs as actions
from flowops.actions import operators
from flowops.app import App
from flowops.domain.access import SYSTEM, Role
from flowops.queries import handoffs
from tests import cases, live

PEOPLE = 200


def test_one_of_200_people_who_claim_at_once_wins_and_199_are_told_who(app: App) -> None:
    case = cases.case(app, cases.person(app, "Opener")).id
    with app.unit(SYSTEM) as unit:
        people = [
            operators.add_person(unit, f"Person {n}", f"p{n}@example.com", Role.OPERATOR, ["default"])
            for n in range(PEOPLE)
        ]
        tokens = [operators.create_token(unit, person.id) for person in people]
    ready = threading.Barrier(PEOPLE + 1)

    connections = httpx.Limits(max_connections=PEOPLE)
    with live.server(app) as address, httpx.Client(trust_env=False, timeout=60, limits=connections) as client:

        def claim(token: str) -> httpx.Response:
            ready.wait()
            return client.post(f"{address}/handoffs/{case}/claim", headers={"Authorization": f"Bearer {token}"})

        with ThreadPoolExecutor(PEOPLE) as threads:
            with app.unit(SYSTEM) as unit:
                # Held for a moment, so that the claims really meet: as many as the server runs are under way by then.
                actions.find(unit, case)
                calls = [threads.submit(claim, token) for token in tokens]
                ready.wait()
                time.sleep(1)
            answers = [call.result() for call in calls]

    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: PEOPLE - 1}
    (winner,) = (person for person, answer in zip(people, answers, strict=True) if answer.status_code == 200)
    lost = [answer.json() for answer in answers if answer.status_code == 409]
    assert {problem["code"] for problem in lost} == {"already_claimed"}
    assert all(problem["claimedBy"] == {"id": winner.id, "name": winner.name} for problem in lost)
    with app.view() as view:
        claims = [entry for entry in handoffs.timeline(view, case).items if entry.row.event == "handoff.claimed"]
    assert [entry.row.actor_id for entry in claims] == [winner.id]
