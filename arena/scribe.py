"""The scribe's process: records what graders answer, and brings back what was lost on the way.

    queue of verdicts ──▶ submissions.jobs.record | catalogue.jobs.record ──▶ PostgreSQL
    every sweep_seconds ──▶ jobs of vanished graders, queued submissions and queued datasets are sent again

A second scribe does no harm: every step may happen twice.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import structlog
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from arena import runtime
from arena.catalogue import jobs as catalogue_jobs
from arena.catalogue.datasets import resend_datasets
from arena.clock import utc_now
from arena.logs import set_up_logs
from arena.runtime import Runtime, open_runtime
from arena.settings import get_settings
from arena.submissions import jobs as submissions_jobs
from arena.submissions.detours import move_to_cpu
from arena.submissions.service import sweep
from challenges.messages import FUNCTION_RECORD_REPORT, FUNCTION_RECORD_VERDICT

FUNCTIONS: dict[str, Callable[[str], object]] = {
    FUNCTION_RECORD_VERDICT: submissions_jobs.record,
    FUNCTION_RECORD_REPORT: catalogue_jobs.record,
}
"""All that a message may ask of the scribe."""
PASSING = (OperationalError, InterfaceError, RedisError)
"""Errors of a server that is away or busy: the verdict waits for it."""

log = structlog.get_logger(__name__)


def main() -> None:
    """Run until SIGTERM or SIGINT, and finish what is in hand."""
    settings = get_settings()
    set_up_logs(settings.log_format)
    opened = open_runtime(settings)
    with stopped_by_signals() as stop:
        serve(opened, stop)
    opened.close()


def serve(opened: Runtime, stop: threading.Event) -> None:
    """Record and sweep until `stop` is set."""
    runtime.make_current(opened)
    sweeper = threading.Thread(target=sweep_until, args=(opened, stop), name="sweep")
    sweeper.start()
    log.info("the scribe listens")
    try:
        opened.queues.listen(FUNCTIONS, stop, transient=PASSING)
    finally:
        stop.set()
        sweeper.join()


def sweep_until(opened: Runtime, stop: threading.Event) -> None:
    """Sweep at once, and then at every interval; a sweep that fails is tried again at the next one."""
    while not stop.is_set():
        try:
            sweep_once(opened)
        except (DBAPIError, RedisError) as error:
            log.warning("the sweep failed", error=type(error).__name__)
        except Exception:
            log.exception("the sweep failed")
        stop.wait(opened.settings.sweep_seconds)


def sweep_once(opened: Runtime) -> None:
    """Bring back what was lost: jobs of vanished graders, queued submissions, queued datasets."""
    opened.queues.recover()
    if opened.settings.gpu_fallback:
        move_to_cpu(opened.redis, opened.queues)
    with opened.sessions() as session:
        resend_datasets(session, opened.queues, utc_now())
    with opened.sessions() as session:
        sweep(session, opened.queues, opened.storage, utc_now(), opened.settings.resend_after_seconds)


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set."""
    stop = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        threading.Thread(target=stop.set).start()  # the main thread may hold the event's lock just now

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    main()
