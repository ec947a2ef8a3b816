"""The list of cases: what its address asks for, and the rows that answer it."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from flowops import errors
from flowops.domain import filters
from flowops.domain.filters import Filters, Sort
from flowops.queries import handoffs
from flowops.queries.paging import Page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowops.storage.unit import View

PAGE = 50
COUNTED = 1000  # of the cases of a narrowed list


@dataclass(frozen=True)
class Kept:
    """A view kept under a name, with the filters it always has and what its list says when it is empty."""

    title: str
    empty: str
    filters: "Mapping[str, str]" = field(default_factory=dict)
    unresolved: bool = True


VIEWS = {
    "mine": Kept("My work", "You own no case.", {"assignee": "me"}),
    "needs-a-person": Kept("Needs a person", "Nobody is waiting."),
    "unassigned": Kept("Unassigned", "Every open case has an owner.", {"assignee": "none"}),
    "sla-at-risk": Kept("SLA at risk", "Nothing is due within half an hour.", {"due": "<30m"}),
    "high-risk": Kept("High risk", "The assistant found no high risk.", {"risk": "high"}),
    "waiting": Kept("Waiting", "No case waits for an answer.", {"waiting": "true"}),
    "all": Kept("All cases", "There is no case yet.", unresolved=False),
}
FILTERS = tuple(Filters.model_fields)


@dataclass(frozen=True)
class Listing:
    """What the address of a list asks for; it travels along, so that every answer leads back to the same list."""

    view: str
    filters: "Mapping[str, str]" = field(default_factory=dict)
    q: str = ""
    sort: Sort = Sort.DUE
    cursor: str | None = None

    @staticmethod
    def read(view: str, query: "Mapping[str, str]") -> "Listing":
        """The list an address asks for; NotFound for an unknown view, Invalid for an unknown filter or order."""
        if view not in VIEWS:
            raise errors.NotFound(kind="view", id=view)
        sort = query.get("sort") or Sort.DUE
        if sort not in set(Sort):
            raise errors.Invalid(reason=f"There is no sort {sort!r}. Nothing was changed.")
        given = {name: query[name] for name in FILTERS if query.get(name)}
        filters.read(given)
        q, cursor = query.get("q", "").strip()[:200], query.get("cursor") or None
        return Listing(view, given, q, Sort(sort), cursor)

    @property
    def kept(self) -> Kept:
        return VIEWS[self.view]

    @property
    def is_filtered(self) -> bool:
        """Does it hold less than its view?"""
        return bool(self.filters or self.q)

    @property
    def is_narrowed(self) -> bool:
        """Does it show less than its view?"""
        return self.is_filtered or self.cursor is not None

    @property
    def wrong(self) -> str | None:
        """Why what somebody typed cannot be looked for; None when it can."""
        try:
            filters.parse(self.q)
        except errors.Invalid as error:
            return str(error)
        return None

    def url(self, case: str | None = None) -> str:
        """The address of this list, with a case open beside it."""
        return f"/console/q/{self.view}{_query(self._given() | ({'case': case} if case else {}))}"

    def act(self, ref: str, verb: str) -> str:
        """Where a form posts to do something with the open case and come back to this list."""
        return f"/console/case/{ref}/{verb}{_query({'in': self.view} | self._given())}"

    def post(self, verb: str) -> str:
        """Where a form posts to do something with cases of this list and come back to it."""
        return f"/console/q/{self.view}/{verb}{_query(self._given())}"

    def ordered(self, sort: str) -> str:
        """The address of the same list in another order; a second press returns to the usual one."""
        wanted = Sort(sort)
        return replace(self, sort=Sort.DUE if wanted is self.sort else wanted, cursor=None).url()

    def start(self) -> str:
        """The address of the first page."""
        return replace(self, cursor=None).url()

    def without(self, name: str) -> str:
        """The address of the same list with one filter less, or without the words looked for."""
        less = {other: value for other, value in self.filters.items() if other != name}
        return replace(self, filters=less, q="" if name == "q" else self.q, cursor=None).url()

    def onward(self, cursor: str) -> str:
        """The address of the next page."""
        return replace(self, cursor=cursor).url()

    def rows(self, view: "View") -> Page[handoffs.Listed]:
        """The page of cases the viewer may see; none when what was typed cannot be looked for."""
        if self.wrong:
            return Page((), None)
        return handoffs.search(
            view, self._wanted, q=self.q, unresolved=self._unresolved, sort=self.sort, cursor=self.cursor, limit=PAGE
        )

    def found(self, view: "View") -> str | None:
        """How many cases a filtered list holds, in words; None of a list as its view is kept."""
        if self.wrong or not self.is_filtered:
            return None
        number = handoffs.count(view, self._wanted, q=self.q, unresolved=self._unresolved, most=COUNTED)
        return f"more than {COUNTED:,}" if number > COUNTED else f"{number:,}"

    @property
    def _wanted(self) -> Filters:
        return filters.read({**self.kept.filters, **self.filters})

    @property
    def _unresolved(self) -> bool:
        return self.kept.unresolved and "status" not in self.filters

    def _given(self) -> dict[str, str]:
        given = dict(self.filters)
        if self.q:
            given["q"] = self.q
        if self.sort is not Sort.DUE:
            given["sort"] = self.sort.value
        return given | ({"cursor": self.cursor} if self.cursor else {})


def _query(given: dict[str, str]) -> str:
    return f"?{urlencode(given)}" if given else ""
