"""Every example of the API reference does what the reference says, sent to a real server in the state it speaks of."""

import itertools
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from flowops.actions import leases, outbox
from flowops.app import App
from flowops.domain import jobs
from flowops.domain.access import SYSTEM, Role
from tests import cases, delivery, make
from tests.live import Api
from tests.project import reference

CASE = {
    "channel": "email",
    "customer": {"id": "cust_124"},
    "title": "Charged twice",
    "reason": "escalated",
    "messages": [{"role": "customer", "text": "I was charged twice."}],
}
REFUND = {"kind": "refund", "params": {"money": {"amount": 12000, "currency": "EUR"}, "invoiceId": "inv_240"}}


NUMBERS = itertools.count(1)  # nobody's name twice
# What no example changes is made once.
KEPT = {"SERVICE", "VIEWER", "OPERATOR", "SUPERVISOR", "AUDITOR", "ADMIN", "WRITTEN", "ARTIFACT"}


@dataclass
class World:
    """What the variables of an example stand for, made over HTTP when they are first named."""

    api: Api
    app: App
    made: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        if name not in self.made:
            maker: Callable[[], str] = getattr(self, f"_{name.lower()}")
            self.made[name] = maker()
        return self.made[name]

    def fill(self, example: str) -> str:
        """The example with what its variables stand for."""
        return re.sub(r"\$([A-Z]+)", lambda name: self[name[1]], example)

    def call(self, path: str, who: str, **body: Any) -> Any:
        answer = self.api.post(path, self[who], json=body or None)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def _api(self) -> str:
        return ""

    def _role(self, role: Role) -> str:
        return make.token(self.app, role, f"{role}{next(NUMBERS)}")

    def _service(self) -> str:
        return self._role(Role.SERVICE)

    def _viewer(self) -> str:
        return self._role(Role.VIEWER)

    def _operator(self) -> str:
        return self._role(Role.OPERATOR)

    def _supervisor(self) -> str:
        return self._role(Role.SUPERVISOR)

    def _auditor(self) -> str:
        return self._role(Role.AUDITOR)

    def _admin(self) -> str:
        return self._role(Role.ADMIN)

    def _user(self) -> str:
        return str(cases.person(self.app, "Grace").id)

    def _request(self) -> str:
        sent = {name: CASE[name] for name in ("channel", "customer", "messages")}
        return str(self.call("/requests", "SERVICE", **sent)["id"])

    def _pending(self) -> str:
        return str(self.call("/handoffs", "SERVICE", **CASE)["id"])

    def _claimed(self) -> str:
        return self._after(self._pending(), "claim")

    def _waiting(self) -> str:
        return self._after(self._claimed(), "wait", **{"for": "customer"})

    def _resolved(self) -> str:
        return self._after(self._claimed(), "resolve", outcome="answered", notes="")

    def _after(self, case: str, verb: str, **body: Any) -> str:
        return str(self.call(f"/handoffs/{case}/{verb}", "OPERATOR", **body)["id"])

    def _written(self) -> str:
        case = self._pending()
        for name in ("draft", "risk", "resolution"):
            self.call(f"/handoffs/{case}/ai/{name}", "OPERATOR")
        delivery.deliver(self.app)
        return case

    def _artifact(self) -> str:
        answer = self.api.get(f"/handoffs/{self['WRITTEN']}/ai/draft", self["OPERATOR"])
        return str(answer.json()["id"])

    def _effect(self) -> str:
        return str(self.call(f"/handoffs/{self['CLAIMED']}/effects", "OPERATOR", **REFUND)["id"])

    def _decision(self) -> str:
        self._request()
        return str(self.api.get("/decisions", self["SERVICE"]).json()["items"][0]["id"])

    def _content(self) -> str:
        return str(self.api.get(f"/effects/{self['EFFECT']}", self["OPERATOR"]).json()["contentSha256"])

    def _approved(self) -> str:
        self.call(f"/effects/{self['EFFECT']}/approve", "SUPERVISOR", contentSha256=self["CONTENT"])
        return self["EFFECT"]

    def _dead(self) -> str:
        job_id = delivery.enqueue(self.app, delivery.Ring(bell=f"bell {next(NUMBERS)}"))[0]
        with self.app.unit(SYSTEM) as unit:
            claimed = leases.claim(unit, "worker", delivery.Ring.topic, 10, self.app.settings.outbox_lease)
            outbox.bury(unit, next(job for job in claimed if job.id == job_id), "Unavailable: mail did not answer")
        return job_id

    def _webhook(self) -> str:
        return str(self.call("/webhooks", "ADMIN", url="https://hooks.example.com/", types=["sla.warned"])["id"])

    def _secret(self) -> str:
        answer = self.api.post(f"/webhooks/{self['WEBHOOK']}/secrets", self["ADMIN"], json={})
        return str(answer.json()["id"])

    def _delivered(self) -> str:
        job_id = self.call(f"/webhooks/{self['WEBHOOK']}/ping", "ADMIN")["jobId"]
        with self.app.unit(SYSTEM) as unit:
            claimed = leases.claim(unit, "worker", jobs.DeliverWebhook.topic, 10, self.app.settings.outbox_lease)
            outbox.finish(unit, next(job for job in claimed if job.id == job_id))
        return str(job_id)


@dataclass(frozen=True)
class Call:
    """A curl command, as far as the reference uses it."""

    method: str
    path: str
    headers: dict[str, str]
    data: str | None

    @staticmethod
    def read(command: str) -> "Call":
        """The call a command makes; an option that is not known here is an error."""
        words = iter(shlex.split(command.replace("\\\n", " ")))
        assert next(words) == "curl"
        method, path, headers, data = "GET", "", {}, None
        for word in words:
            match word:
                case "-X":
                    method = next(words)
                case "-H":
                    name, _, value = next(words).partition(": ")
                    headers[name] = value
                case "-d":
                    data = next(words)
                case _:
                    assert word.startswith("/"), f"what is {word}?"
                    path = word
        return Call(method, path, headers, data)


# What the examples call is tested on both databases elsewhere.
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.in_process
def test_every_example_answers_as_the_reference_says(api: Api, app: App) -> None:
    app.sandbox.seed(app.now())
    kept: dict[str, str] = {}
    for endpoint in reference.endpoints():
        if endpoint.path == "/events":
            continue  # a stream has no end; it is read where streams are tested
        world = World(api, app, dict(kept))
        call = Call.read(world.fill(endpoint.example))
        kept |= {name: world.made[name] for name in KEPT & world.made.keys()}
        answer = api.send(call.method, call.path, headers=call.headers, content=call.data)
        assert call.method == endpoint.method
        assert answer.status_code in endpoint.status, f"{endpoint.method} {endpoint.path}: {answer.text[:500]}"
        for key in promised(endpoint):
            assert key in answer.json(), f"{endpoint.method} {endpoint.path} answers no {key}"


def promised(endpoint: reference.Endpoint) -> frozenset[str]:
    """The fields that the reference names in the answer itself, or `items` of a page."""
    if "a page of" in endpoint.answer:
        return frozenset({"items", "nextCursor"})
    if 204 in endpoint.status:
        return frozenset()
    heads = (part.split(", each")[0].split(" (")[0] for part in endpoint.answer.split("; "))
    return frozenset().union(*map(reference.codes, heads))
