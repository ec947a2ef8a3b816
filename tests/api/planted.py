"""Routes of the tests' own, to see what the frame does whatever is behind it."""

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from flowops import errors
from flowops.actions import operators
from flowops.api import deps, strict
from flowops.domain.access import Permission
from flowops.domain.money import Money

router = APIRouter()
opened: list[str] = []  # what each call of `add` was about to do


class Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    secret: bool = False
    fail: bool = False


class Added(BaseModel):
    id: str
    service_name: str = Field(serialization_alias="serviceName")


class Everything(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    text: strict.Text | None = None
    line: strict.Line | None = None
    data: strict.JsonObject | None = None
    money: Money | None = None


@router.post("/planted/services", status_code=201)
def add(wanted: Wanted, write: Annotated[deps.Write, deps.writes(Permission.REQUESTS_CREATE)]) -> Response:
    """Add a service, once for each key."""

    def work(unit: Any) -> deps.Answer:
        opened.append(wanted.name)
        made = operators.add_service(unit, wanted.name)
        if wanted.fail:
            raise errors.Invalid(reason="It was to fail.")
        return deps.Answer(Added(id=made.id, service_name=made.name), 201, version=7, secret=wanted.secret)

    return write.replay() or write.answer(work)


@router.post("/planted/nothing")
def nothing(write: Annotated[deps.Write, deps.writes(Permission.REQUESTS_CREATE)]) -> Response:
    """Answer with nothing."""
    return write.answer(lambda unit: deps.Answer(None))


@router.post("/planted/version")
def version(write: Annotated[deps.Write, deps.writes(Permission.REQUESTS_CREATE)]) -> dict[str, int | None]:
    """The version the caller has seen."""
    return {"version": write.version}


@router.post("/planted/echo", dependencies=[deps.PUBLIC])
def echo(body: Everything) -> Everything:
    """What was understood."""
    return body


@router.get("/planted/crash", dependencies=[deps.PUBLIC])
def crash() -> None:
    """Fail in a way nobody expects."""
    raise ZeroDivisionError("the secret reason")


@router.get("/planted/address", dependencies=[deps.PUBLIC])
def address(request: Request) -> str:
    """Whom the server takes the caller for."""
    return request.client.host if request.client else ""
