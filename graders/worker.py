"""The grader's program. Started plainly it supervises; with `--child` it is the grader itself.

    python -m graders.worker ─▶ supervisor ─▶ python -m graders.worker --child PIPE FOLDER ─▶ self-test ─▶ listens

The child is a fresh process, not a fork: polars and torch do not survive forks. It ends with its supervisor.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from types import FrameType
from typing import TYPE_CHECKING

import structlog

from graders.settings import GraderSettings, get_settings
from graders.supervisor import Supervisor
from graders.tasks import connect

if TYPE_CHECKING:
    from graders.boxing import Box

AT_START = ("predictions", "artefacts", "onnx")
"""Kinds whose specimens are tried before the grader listens. Those that need torch, whose import takes seconds and two
hundred megabytes, are tried before their first submission."""
SELF_TEST_FAILED = 3
"""Exit code of a grader that does not trust itself."""
ORPHAN_SECONDS = 10.0
"""How long a grader without a supervisor may work on its last job."""

log = structlog.get_logger(__name__)


def main() -> int:
    """Supervise, or grade; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m graders.worker", description="Grade submissions, prepare data.")
    parser.add_argument("--child", nargs=2, metavar=("PIPE", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    settings = get_settings()
    set_up_logs(settings.log_format)
    if arguments.child is not None:
        pipe, folder = arguments.child
        try:
            return run_grader(settings, int(pipe), folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)  # the supervisor would, if it still lived
    with connect(settings.redis_url) as redis:
        Supervisor(redis, [sys.executable, "-m", "graders.worker", "--child"], settings.stop_seconds).run()
    return 0


def run_grader(settings: GraderSettings, pipe: int, folder: str) -> int:
    """Test oneself, then listen until SIGTERM or the supervisor's end.

    Args:
        settings: The grader's.
        pipe: Where the supervisor is told what is in hand.
        folder: For temporary files; the supervisor removes it.
    """
    tempfile.tempdir = folder
    stop = threading.Event()
    end_with_parent(stop)
    os.set_inheritable(pipe, False)  # noqa: FBT003 - what a job starts must not keep it open
    # Imported here: the supervisor, which lives in the same program, is a small process without numpy and polars.
    from graders.boxing import Box  # noqa: PLC0415
    from graders.kinds import find_kinds  # noqa: PLC0415
    from graders.sandbox.choosing import open_sandbox  # noqa: PLC0415

    sandbox, report = open_sandbox(settings)
    try:
        box = Box(sandbox, report.refuses, settings.device)
        refuses = [kind for kind in find_kinds() if kind in report.refuses]
        facts = {"level": report.level.name, "reasons": report.reasons, "refuses": refuses}
        return serve(settings, pipe, stop, box, {"sandbox": json.dumps(facts)})
    finally:
        sandbox.close()


def serve(settings: GraderSettings, pipe: int, stop: threading.Event, box: Box, facts: dict[str, str]) -> int:
    """Test oneself, then listen until `stop` is set; the exit code.

    Args:
        settings: The grader's.
        pipe: Where the supervisor is told what is in hand.
        stop: Ends the listening between two jobs.
        box: Where uploads are opened.
        facts: What operators see of this grader.
    """
    from graders.jobs import Desk, grader_version  # noqa: PLC0415 - as above
    from graders.kinds import check_kinds  # noqa: PLC0415
    from graders.queues import listen  # noqa: PLC0415
    from graders.watching import Reporter  # noqa: PLC0415

    try:
        box.tried.update(check_kinds(box.mechanism, [kind for kind in AT_START if kind not in box.refuses]))
    except Exception:
        log.exception("the self-test failed: this grader would judge wrongly, and does not listen")
        return SELF_TEST_FAILED
    queues = [name.strip() for name in settings.queues.split(",") if name.strip()]
    with connect(settings.redis_url) as redis:
        desk = Desk(settings, redis, Reporter(pipe), f"{socket.gethostname()}-{os.getpid()}", box, settings.device)
        log.info("the grader listens", queues=queues, version=grader_version(), kinds=sorted(box.tried))
        facts = {"version": grader_version(), "device": desk.device, **facts}
        listen(redis, queues, desk.functions(), stop, desk.reporter, facts)
    return 0


def end_with_parent(stop: threading.Event) -> None:
    """Set `stop` at SIGTERM, which also comes when the supervisor dies; leave SIGINT to the supervisor."""

    def ask(_number: int, _frame: FrameType | None) -> None:
        threading.Thread(target=stop.set).start()  # the main thread may hold the event's lock just now

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, int(signal.SIGTERM))  # PR_SET_PDEATHSIG
    threading.Thread(target=_mind_parent, args=(parent, stop), daemon=True).start()


def _mind_parent(parent: int, stop: threading.Event) -> None:
    """Where the system sends no signal at a parent's death, and for a job that does not end."""
    while os.getppid() == parent:
        time.sleep(1)
    stop.set()
    time.sleep(ORPHAN_SECONDS)
    os._exit(1)


def set_up_logs(log_format: str) -> None:
    """One event per line on stderr, as text for people or JSON for machines."""
    # The usual formatter of exceptions prints local variables, and those of a grader are hidden answers.
    plain = structlog.dev.plain_traceback
    ending: list[structlog.typing.Processor] = [
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)
    ]
    if log_format == "json":
        ending = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *ending,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


if __name__ == "__main__":
    sys.exit(main())
