"""Who may do what: actors, roles, permissions, and which role holds which."""

from dataclasses import dataclass
from enum import StrEnum

from flowops import errors


class ActorKind(StrEnum):
    """Who can be the cause of an audit entry; an assistant can only author artifacts."""

    PERSON = "person"
    SERVICE = "service"
    POLICY = "policy"
    ASSISTANT = "assistant"
    SYSTEM = "system"


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"
    ADMIN = "admin"
    SERVICE = "service"


class Permission(StrEnum):
    CASES_READ = "cases.read"
    CASES_READ_OWN = "cases.read_own"
    METRICS_READ = "metrics.read"
    REQUESTS_CREATE = "requests.create"
    HANDOFFS_WORK = "handoffs.work"
    HANDOFFS_RESOLVE = "handoffs.resolve"
    HANDOFFS_SUPERVISE = "handoffs.supervise"
    EFFECTS_PROPOSE = "effects.propose"
    EFFECTS_APPROVE = "effects.approve"
    EFFECTS_APPROVE_ABOVE_LIMIT = "effects.approve_above_limit"
    EFFECTS_PAUSE = "effects.pause"
    JOBS_MANAGE = "jobs.manage"
    AUDIT_READ = "audit.read"
    PEOPLE_MANAGE = "people.manage"
    WEBHOOKS_MANAGE = "webhooks.manage"


_READ = {Permission.CASES_READ, Permission.METRICS_READ}
_OPERATE = _READ | {
    Permission.REQUESTS_CREATE,
    Permission.HANDOFFS_WORK,
    Permission.HANDOFFS_RESOLVE,
    Permission.EFFECTS_PROPOSE,
    Permission.EFFECTS_APPROVE,
}
PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset(_READ),
    Role.OPERATOR: frozenset(_OPERATE),
    Role.SUPERVISOR: frozenset(
        _OPERATE
        | {
            Permission.HANDOFFS_SUPERVISE,
            Permission.EFFECTS_APPROVE_ABOVE_LIMIT,
            Permission.EFFECTS_PAUSE,
            Permission.JOBS_MANAGE,
            Permission.AUDIT_READ,
        }
    ),
    Role.AUDITOR: frozenset(_READ | {Permission.AUDIT_READ}),
    # Separation of duties: an admin decides who may act and never acts on a case; stopping everything is no such act.
    Role.ADMIN: frozenset(_READ | {Permission.EFFECTS_PAUSE, Permission.PEOPLE_MANAGE, Permission.WEBHOOKS_MANAGE}),
    Role.SERVICE: frozenset({Permission.CASES_READ_OWN, Permission.REQUESTS_CREATE, Permission.EFFECTS_PROPOSE}),
}


@dataclass(frozen=True)
class Actor:
    """Who is responsible for one transaction.

    `id` is a user's id for a person or service and None for the others; `queues` are those a person is a member of.
    """

    kind: ActorKind
    name: str
    id: str | None = None
    role: Role | None = None
    queues: frozenset[str] = frozenset()

    def may(self, permission: Permission) -> bool:
        """Does this actor's role hold the permission?

        >>> Actor(ActorKind.PERSON, "Ada", "usr_1", Role.VIEWER).may(Permission.HANDOFFS_WORK)
        False
        """
        return self.role is not None and permission in PERMISSIONS[self.role]

    def require(self, permission: Permission) -> None:
        """Raise NotPermitted, naming the permission, unless the role holds it."""
        if not self.may(permission):
            raise errors.NotPermitted(permission=permission, role=self.role)

    def sees(self, queue: str, created_by: str | None) -> bool:
        """May this actor see a case of this queue, opened by this user?

        A person sees the queues they are a member of; a service sees what it created; the parts of the product see all.
        """
        match self.kind:
            case ActorKind.PERSON:
                return queue in self.queues
            case ActorKind.SERVICE:
                return created_by == self.id
        return True


SYSTEM = Actor(ActorKind.SYSTEM, "system")
POLICY = Actor(ActorKind.POLICY, "policy")
ASSISTANT = Actor(ActorKind.ASSISTANT, "assistant")
