"""A submission as it changes: server-sent events from now until it is final."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from arena.accounts.models import User
from arena.catalogue.service import get_challenge
from arena.events import Hub
from arena.submissions.models import Status
from arena.submissions.recording import submission_topic
from arena.submissions.schemas import SubmissionOut, find_place
from arena.submissions.service import get_submission

PULSE_SECONDS = 5.0
"""How often the place in the queue is looked up; where it is the same, a comment keeps the connection alive."""
LONGEST_SECONDS = 900.0
"""After so long the stream ends; a browser comes back by itself, with a fresh look at who is asking."""
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@dataclass(frozen=True)
class Watch:
    """One reader of one submission."""

    request: Request
    user: User
    sees_all: bool
    submission_id: UUID
    language: str
    began_at: dt.datetime
    _started: float = field(default_factory=time.monotonic)

    def read(self) -> SubmissionOut:
        """The submission as it is now.

        Raises:
            NotFound: It is gone, or was never the reader's to see.
        """
        state = self.request.app.state
        now = self.began_at + dt.timedelta(seconds=time.monotonic() - self._started)
        with state.sessions() as session:
            submission = get_submission(session, self.user, self.submission_id, sees_all=self.sees_all)
            challenge = get_challenge(session, submission.slug)
        place = find_place(state.queues, submission)
        return SubmissionOut.of(submission, challenge, self.language, now, place)

    async def events(self) -> AsyncIterator[str]:
        """An event `status` for each state that differs from the one before; the last one is final."""
        hub: Hub = self.request.app.state.hub
        told = ""
        yield "retry: 2000\n\n"
        # Listening begins before the first look: what changes in between is an event, and not lost.
        async with hub.subscribe([submission_topic(self.submission_id)]) as changes:
            while time.monotonic() - self._started < LONGEST_SECONDS:
                state = await run_in_threadpool(self.read)
                text = state.model_dump_json()
                yield f"event: status\ndata: {text}\n\n" if text != told else ": waiting\n\n"
                if state.status is not Status.QUEUED:
                    return
                told = text
                await changes.next(PULSE_SECONDS)
