"""The time of day, read at the edges only: routes and dependencies hand it to the services."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from fastapi import Depends


async def now() -> dt.datetime:
    """The moment a request began, aware, in UTC; one value for the whole request."""
    return utc_now()


def utc_now() -> dt.datetime:
    """The present moment, aware, in UTC."""
    return dt.datetime.now(dt.UTC)


Now = Annotated[dt.datetime, Depends(now)]
