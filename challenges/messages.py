"""The messages that the web and the graders exchange over the queue: JSON, versioned, checked on both sides.

web ──GradeJob──▶ grader ──Verdict──▶ scribe            queues grade-cpu | grade-gpu, verdicts
web ──PrepareJob─▶ grader ──PrepareReport──▶ scribe     queues prepare, verdicts
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar, overload

from challenges.errors import InvalidMessage
from challenges.phrases import Words
from challenges.records import RecordError, dump_record, parse_record

PROTOCOL = 1

QUEUE_GRADE_CPU = "grade-cpu"
QUEUE_GRADE_GPU = "grade-gpu"
QUEUE_PREPARE = "prepare"
QUEUE_VERDICTS = "verdicts"

FUNCTION_GRADE = "graders.jobs.grade"
FUNCTION_PREPARE = "graders.jobs.prepare"
FUNCTION_RECORD_VERDICT = "arena.submissions.jobs.record"
FUNCTION_RECORD_REPORT = "arena.catalogue.jobs.record"
"""The only four names that may travel; each side refuses every other one."""

Message = TypeVar("Message", bound="GradeJob | Verdict | PrepareJob | PrepareReport")


class Outcome(StrEnum):
    """How grading ended."""

    SCORED = "scored"
    REJECTED = "rejected"
    """The participant's fault; `faults` says why."""
    FAILED = "failed"
    """Ours; `trace` is for the operator only."""


@dataclass(frozen=True)
class DataFile:
    """One file of a dataset's public side, or one uploaded file."""

    name: str
    """Plain file name, no directory."""
    size_bytes: int
    digest: str
    """sha256, lower-case hex."""


@dataclass(frozen=True)
class GradeJob:
    """Ask a grader to score one attempt of one submission."""

    submission_id: str
    attempt: int
    """1, 2, 3 …; a verdict of another attempt is ignored."""
    slug: str
    dataset: str
    """Version of the data, `<source>-v<generator version>-<n>`; names the folder on both sides."""
    dataset_digest: str
    package_digest: str
    url: str
    """Where the upload can be read: `file://` under the shared storage root, or a signed `https://` URL."""
    file: DataFile
    protocol: int = PROTOCOL


@dataclass(frozen=True)
class Scores:
    """What one side (public or private) of the hidden rows says."""

    score: float
    """The challenge's metric, in its own unit."""
    standard_error: float | None = None
    """Bootstrap standard error of `score` (item-level resamples), in the metric's unit."""
    secondary: dict[str, float] = field(default_factory=dict)
    """Secondary metrics by name."""
    rows: int = 0
    """Number of hidden rows on this side."""


@dataclass(frozen=True)
class Provenance:
    """What is needed to reproduce a score."""

    grader: str
    """Name of the grader process."""
    grader_version: str
    package_digest: str
    dataset_digest: str
    device: str = "cpu"
    seed: int = 0
    seconds: float = 0.0
    peak_memory_bytes: int = 0


@dataclass(frozen=True)
class WireFault:
    """A `challenges.errors.Fault` on the wire."""

    reason: str
    facts: dict[str, str | int | float | Words] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """The outcome of grading one attempt."""

    submission_id: str
    attempt: int
    outcome: Outcome
    public: Scores | None = None
    private: Scores | None = None
    faults: list[WireFault] = field(default_factory=list)
    """First faults, when rejected."""
    fault_count: int = 0
    """Number of all faults, at least ``len(faults)``."""
    diagnostics: list[dict[str, Any]] = field(default_factory=list)
    """Public-side diagnostics, each `{"kind": …, "title": {"en": …, "zh": …}, …}`."""
    costs: dict[str, float] = field(default_factory=dict)
    """What a submitted model costs: `parameters`, `weight_bytes`, `macs` and median `latency_ms` of one row,
    `latency_ratio` (to a reference model timed in turn with it) and `peak_bytes` (of
    memory, before the first hidden row); and what the challenge's rule of graphs counted, such as `attentions`."""
    provenance: Provenance | None = None
    trace: str | None = None
    """Python traceback, when failed. For the operator only."""
    protocol: int = PROTOCOL


@dataclass(frozen=True)
class PrepareJob:
    """Ask a grader to make a challenge's data: public files, and hidden answers in the vault."""

    dataset_id: str
    slug: str
    dataset: str
    """The version to write, as in `GradeJob.dataset`."""
    source: str
    """`offline`, or the name of a real source of the manifest."""
    package_digest: str
    protocol: int = PROTOCOL


@dataclass(frozen=True)
class PrepareReport:
    """What came of a `PrepareJob`; holds public facts only."""

    dataset_id: str
    slug: str
    ready: bool
    digest: str | None = None
    """sha256 of the data manifest (public and hidden file digests, generator and library versions)."""
    files: list[DataFile] = field(default_factory=list)
    """Public files, in the order to list them."""
    seconds: float = 0.0
    trace: str | None = None
    """Why it failed. For the operator only."""
    protocol: int = PROTOCOL


def dump_message(message: GradeJob | Verdict | PrepareJob | PrepareReport) -> str:
    """The message as JSON text; refuses NaN and infinity."""
    return json.dumps(dump_record(message), ensure_ascii=False, allow_nan=False)


def parse_message(cls: type[Message], text: str) -> Message:
    """Parse and check a message.

    Raises:
        InvalidMessage: The text is not JSON, a field is unknown, missing or mistyped, or the protocol differs.
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise InvalidMessage(f"not JSON: {error}") from error
    if isinstance(data, dict) and data.get("protocol") != PROTOCOL:
        raise InvalidMessage(f"protocol {data.get('protocol')!r}; this side speaks {PROTOCOL}")
    try:
        return parse_record(cls, data)
    except RecordError as error:
        raise InvalidMessage(str(error)) from error


def grade_job_id(submission_id: str, attempt: int) -> str:
    """The unique queue id of one attempt, which makes sending it twice harmless."""
    return f"grade-{submission_id}-{attempt}"


def prepare_job_id(dataset_id: str) -> str:
    """The unique queue id of one dataset's preparation."""
    return f"prepare-{dataset_id}"


@dataclass(frozen=True)
class Route:
    """The names under which a job travels, and the answer to it."""

    function: str
    job_id: str
    answer_function: str
    answer_id: str


def route_of(job: GradeJob | PrepareJob) -> Route:
    """How a job and its answer are called on the queue."""
    if isinstance(job, PrepareJob):
        return Route(
            FUNCTION_PREPARE, prepare_job_id(job.dataset_id), FUNCTION_RECORD_REPORT, f"report-{job.dataset_id}"
        )
    attempt = f"{job.submission_id}-{job.attempt}"
    job_id = grade_job_id(job.submission_id, job.attempt)
    return Route(FUNCTION_GRADE, job_id, FUNCTION_RECORD_VERDICT, f"verdict-{attempt}")


def parse_job(function: str, text: str) -> GradeJob | PrepareJob:
    """The message of a job, by the name of the function it is for.

    Raises:
        InvalidMessage: It is malformed, or no grader has such a function.
    """
    if function == FUNCTION_GRADE:
        return parse_message(GradeJob, text)
    if function == FUNCTION_PREPARE:
        return parse_message(PrepareJob, text)
    raise InvalidMessage(f"{function} is not a grader's function")


@overload
def failure_of(job: GradeJob, trace: str) -> Verdict: ...
@overload
def failure_of(job: PrepareJob, trace: str) -> PrepareReport: ...
def failure_of(job: GradeJob | PrepareJob, trace: str) -> Verdict | PrepareReport:
    """The answer that says a job failed, and it was not the participant's fault."""
    if isinstance(job, PrepareJob):
        return PrepareReport(job.dataset_id, job.slug, ready=False, trace=trace)
    return Verdict(job.submission_id, job.attempt, Outcome.FAILED, trace=trace)


def durations_key(queue: str) -> str:
    """The Redis list where graders leave the seconds of a queue's recent jobs, the newest first."""
    return f"arena:durations:{queue}"
