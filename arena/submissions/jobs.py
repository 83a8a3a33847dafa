"""What the queue calls when a grader has answered; runs in the scribe."""

from __future__ import annotations

from arena.runtime import current
from arena.submissions import service
from arena.submissions.models import Status
from challenges.messages import Verdict, parse_message


def record(text: str) -> None:
    """Write down the verdict in a message, and send the next attempt where there is to be one.

    Raises:
        InvalidMessage: The text is not a verdict.
    """
    verdict = parse_message(Verdict, text)
    runtime = current()
    with runtime.sessions() as session:
        submission = service.record(session, runtime.redis, verdict)
        if submission is not None and submission.status is Status.QUEUED:
            service.send(session, runtime.queues, runtime.storage, submission)
