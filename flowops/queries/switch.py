"""Answers whether effects may start, and who said so."""

from sqlalchemy import select

from flowops.domain.jobs import ExecuteEffect
from flowops.storage import tables
from flowops.storage.unit import View

_SWITCH = select(tables.EffectSwitch).execution_options(populate_existing=True)
_IS_PAUSED = select(tables.EffectSwitch.is_paused)
_OF_EFFECTS = frozenset({ExecuteEffect.topic})


def read(view: View) -> tables.EffectSwitch:
    """The switch as it stands."""
    return view.session.scalars(_SWITCH).one()


def is_paused(view: View) -> bool:
    """May no effect start?"""
    return bool(view.execute(_IS_PAUSED).scalar_one())


def paused_topics(view: View) -> frozenset[str]:
    """The topics whose jobs are not to be begun now."""
    return _OF_EFFECTS if is_paused(view) else frozenset()
