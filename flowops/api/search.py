"""The queue as a list: filtered, searched, ordered, a page at a time."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from flowops.api import schemas
from flowops.api.deps import App, requires
from flowops.domain.access import Actor, Permission
from flowops.domain.filters import Filters, Sort
from flowops.queries import handoffs

router = APIRouter(tags=["handoffs"])


class Wanted(Filters):
    """Which cases, in which order, and which page of them."""

    q: Annotated[
        str,
        Field(
            max_length=200,
            description="words in the title, the number, the customer or the messages, all of them; also "
            "filters, as in `status:pending owner:me due:<1h`",
        ),
    ] = ""
    sort: Sort = Sort.DUE
    cursor: Annotated[str | None, Field(max_length=200)] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


@router.get("/handoffs")
def search(
    wanted: Annotated[Wanted, Query()],
    caller: Annotated[Actor, requires(Permission.CASES_READ, Permission.CASES_READ_OWN)],
    app: App,
) -> schemas.Page[schemas.HandoffItem]:
    """The queue: a page of the cases the caller may see, in the order asked for."""
    with app.view(caller) as view:
        page = handoffs.search(view, wanted, q=wanted.q, sort=wanted.sort, cursor=wanted.cursor, limit=wanted.limit)
    return schemas.Page.of(page, schemas.HandoffItem.of)
