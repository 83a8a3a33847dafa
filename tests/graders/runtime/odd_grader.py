"""A grader that does what the slug of its job says, for the supervisor to cope with: run with the pipe's number."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from functools import partial

from redis import Redis

from challenges.messages import FUNCTION_GRADE, GradeJob, Outcome, Scores, Verdict, parse_message
from graders.queues import listen, send_answer
from graders.settings import get_settings
from graders.tasks import connect
from graders.watching import Reporter
from graders.worker import end_with_parent


def grade(redis: Redis, reporter: Reporter, text: str) -> None:
    """Behave oddly, or send a verdict."""
    job = parse_message(GradeJob, text)
    reporter.limited(0.3, 100_000_000, is_participants=job.slug != "slow_load")
    if job.slug == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if job.slug == "exit":
        os._exit(7)
    if job.slug in ("spin", "slow_load"):
        time.sleep(60)
    if job.slug == "eat":
        eaten = bytearray(200_000_000)
        time.sleep(60)
        del eaten
    if job.slug == "raise":
        raise RuntimeError("nothing to say")
    if job.slug == "short":
        reporter.limited(60, 0, is_participants=True)
        time.sleep(0.5)
    if job.slug == "long":
        reporter.limited(60, 0, is_participants=True)
        if not redis.set("been_here", 1, nx=True):
            send_answer(redis, scored(job))
            return
        time.sleep(60)
    send_answer(redis, scored(job))
    if job.slug == "die_late":
        os.kill(os.getpid(), signal.SIGKILL)


def scored(job: GradeJob) -> Verdict:
    """Full marks."""
    return Verdict(job.submission_id, job.attempt, Outcome.SCORED, public=Scores(1.0), private=Scores(1.0))


def main() -> None:
    stop = threading.Event()
    end_with_parent(stop)
    settings, reporter = get_settings(), Reporter(int(sys.argv[1]))
    with connect(settings.redis_url) as redis:
        functions = {FUNCTION_GRADE: partial(grade, redis, reporter)}
        listen(redis, ["grade-cpu", "prepare"], functions, stop, reporter, {"version": "9", "device": "cpu"})


if __name__ == "__main__":
    main()
