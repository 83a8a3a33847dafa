"""The two functions that a message can call: each does its job and answers, whatever happens.

What the participant did wrong becomes a rejected verdict. Every other error becomes a failed one, whose trace only
operators see. Logs name submissions and outcomes, never a score or an answer.
"""

from __future__ import annotations

import os
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import unquote, urlsplit

import structlog
from redis import Redis

from challenges import messages
from challenges.errors import Reason
from challenges.messages import GradeJob, PrepareJob, Provenance, Verdict
from graders import grading
from graders.boxing import Box
from graders.fetch import fetch
from graders.limits import OutOfTime, forget_peak, read_peak, time_limit
from graders.loading import LoadedChallenge, load_challenge
from graders.queues import send_answer
from graders.settings import GraderSettings
from graders.tasks import reject, save_progress
from graders.watching import Reporter

TRACE_CHARACTERS = 20_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Desk:
    """What a grader works with."""

    settings: GraderSettings
    redis: Redis
    reporter: Reporter
    name: str
    """Of this grader, for the provenance of scores."""
    box: Box
    """Where uploads are opened."""
    device: str = "cpu"
    judge: Callable[[GradeJob, Path, LoadedChallenge, Box, str], Verdict] = grading.grade

    def functions(self) -> dict[str, Callable[[str], None]]:
        """All that may be called, by the names that travel."""
        return {messages.FUNCTION_GRADE: partial(grade, self), messages.FUNCTION_PREPARE: partial(prepare, self)}


def grade(desk: Desk, text: str) -> None:
    """Grade one attempt of one submission, and send the verdict.

    Raises:
        InvalidMessage: The message is malformed: nobody knows whom to answer.
        RedisError: The verdict cannot be sent; the job will be sent again.
    """
    job = messages.parse_message(GradeJob, text)
    began = time.perf_counter()
    try:
        verdict = _grade(desk, job)
    except Exception:
        log.exception("grading failed", submission=job.submission_id, slug=job.slug)
        verdict = messages.failure_of(job, _trace())
    try:
        send_answer(desk.redis, verdict)
    except ValueError:  # a number that JSON does not have
        verdict = messages.failure_of(job, _trace())
        send_answer(desk.redis, verdict)
    seconds = round(time.perf_counter() - began, 4)
    log.info("graded", submission=job.submission_id, slug=job.slug, outcome=verdict.outcome.value, seconds=seconds)


def prepare(desk: Desk, text: str) -> None:
    """Make one version of a challenge's data, and send the report.

    Raises:
        InvalidMessage: The message is malformed.
        RedisError: The report cannot be sent; the job will be sent again, and finds the data made.
    """
    # Imported here: it pulls in HTTP and object stores, which grading, the usual job, starts faster without.
    from graders import preparing  # noqa: PLC0415

    job = messages.parse_message(PrepareJob, text)
    began = time.perf_counter()
    desk.reporter.limited(desk.settings.prepare_seconds, 0, is_participants=False)
    progress = partial(save_progress, desk.redis, messages.prepare_job_id(job.dataset_id))
    try:
        report = preparing.prepare(job, desk.settings, progress)
    except Exception:
        log.exception("preparing failed", slug=job.slug, dataset=job.dataset)
        report = messages.failure_of(job, _trace())
    report = replace(report, seconds=time.perf_counter() - began)
    send_answer(desk.redis, report)
    log.info("prepared", slug=job.slug, dataset=job.dataset, ready=report.ready, seconds=round(report.seconds, 2))


def _grade(desk: Desk, job: GradeJob) -> Verdict:
    forget_peak()
    began = time.perf_counter()
    challenge = load_challenge(desk.settings, job.slug, job.dataset)
    limits = challenge.manifest.limits
    with tempfile.TemporaryDirectory(prefix=f"arena-grade-{os.getpid()}-") as folder:
        path = fetch(job.url, job.file, Path(folder), _storage_folder(desk.settings))
        desk.reporter.limited(limits.grade_seconds, limits.memory_bytes, is_participants=True)
        try:
            with time_limit(limits.grade_seconds):
                verdict = desk.judge(job, path, challenge, desk.box, desk.name)
        except OutOfTime:
            verdict = reject(job, Reason.TIMED_OUT, limit_seconds=limits.grade_seconds)
        except MemoryError:
            verdict = reject(job, Reason.OUT_OF_MEMORY, limit_bytes=limits.memory_bytes)
    return _with_costs(verdict, desk, challenge, time.perf_counter() - began)


def _with_costs(verdict: Verdict, desk: Desk, challenge: LoadedChallenge, seconds: float) -> Verdict:
    """The verdict with the provenance that only the whole job knows."""
    provenance = verdict.provenance or Provenance(
        grader=desk.name,
        grader_version=grader_version(),
        package_digest=challenge.package_digest,
        dataset_digest=challenge.dataset_digest,
    )
    provenance = replace(provenance, device=desk.device, seconds=seconds, peak_memory_bytes=read_peak())
    return replace(verdict, provenance=provenance)


def _storage_folder(settings: GraderSettings) -> Path:
    """The only folder whose files may be read: uploads on a shared disk; nothing when blobs are elsewhere."""
    parts = urlsplit(settings.storage_url)
    return Path(unquote(parts.path)) / "uploads" if parts.scheme in ("", "file") else Path("/nonexistent")


def _trace() -> str:
    return traceback.format_exc()[-TRACE_CHARACTERS:]


def grader_version() -> str:
    """The version of this program."""
    try:
        return version("arena-grader")
    except PackageNotFoundError:
        return "0"
