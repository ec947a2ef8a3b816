"""The list of cases: what its address asks for, and the rows that answer it."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from flowops import errors
from flowops.domain.handoffs import Priority, Status
from flowops.queries import handoffs

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from flowops.queries.paging import Page
    from flowops.storage.unit import View

PAGE = 50


@dataclass(frozen=True)
class Kept:
    """A view kept under a name, with what its list says when it is empty."""

    title: str
    empty: str
    unresolved: bool = True
    assignee: str | None = None


VIEWS = {
    "mine": Kept("My work", "You own no case.", assignee="me"),
    "needs-a-person": Kept("Needs a person", "Nobody is waiting."),
    "unassigned": Kept("Unassigned", "Every open case has an owner.", assignee="none"),
    "all": Kept("All cases", "There is no case yet.", unresolved=False),
}
FILTERS = ("status", "priority", "queue", "assignee")


@dataclass(frozen=True)
class Listing:
    """What the address of a list asks for; it travels along, so that every answer leads back to the same list."""

    view: str
    status: str | None = None
    priority: str | None = None
    queue: str | None = None
    assignee: str | None = None
    sort: str = "due"
    cursor: str | None = None

    @staticmethod
    def read(view: str, query: "Mapping[str, str]") -> "Listing":
        """The list an address asks for; NotFound for an unknown view, Invalid for an unknown filter or order."""
        if view not in VIEWS:
            raise errors.NotFound(kind="view", id=view)
        given = {name: query[name] for name in (*FILTERS, "sort", "cursor") if query.get(name)}
        allowed: dict[str, Collection[str]] = {"status": [*Status], "priority": [*Priority], "sort": [*handoffs.Sort]}
        for name, values in allowed.items():
            if name in given and given[name] not in values:
                raise errors.Invalid(reason=f"There is no {name} {given[name]!r}. Nothing was changed.")
        return Listing(view, **given)

    @property
    def kept(self) -> Kept:
        return VIEWS[self.view]

    @property
    def filters(self) -> dict[str, str]:
        """The filters that are set, by name."""
        return {name: value for name in FILTERS if (value := getattr(self, name))}

    def url(self, case: str | None = None) -> str:
        """The address of this list, with a case open beside it."""
        return f"/console/q/{self.view}{_query(self._given() | ({'case': case} if case else {}))}"

    def act(self, ref: str, verb: str) -> str:
        """Where a form posts to do something with the open case and come back to this list."""
        return f"/console/case/{ref}/{verb}{_query({'in': self.view} | self._given())}"

    def ordered(self, sort: str) -> str:
        """The address of the same list in another order."""
        return replace(self, sort=sort, cursor=None).url()

    def without(self, name: str) -> str:
        """The address of the same list with one filter less."""
        return Listing(self.view, **{k: v for k, v in self._given().items() if k not in {name, "cursor"}}).url()

    def onward(self, cursor: str) -> str:
        """The address of the next page."""
        return replace(self, cursor=cursor).url()

    def rows(self, view: "View") -> "Page[handoffs.Listed]":
        """The page of cases the viewer may see."""
        return handoffs.search(
            view,
            status=Status(self.status) if self.status else None,
            unresolved=self.kept.unresolved and not self.status,
            priority=Priority(self.priority) if self.priority else None,
            queue=self.queue,
            assignee=self.assignee or self.kept.assignee,
            sort=self.sort,
            cursor=self.cursor,
            limit=PAGE,
        )

    def _given(self) -> dict[str, str]:
        given = self.filters
        if self.sort != "due":
            given["sort"] = self.sort
        return given | ({"cursor": self.cursor} if self.cursor else {})


def _query(given: dict[str, str]) -> str:
    return f"?{urlencode(given)}" if given else ""
