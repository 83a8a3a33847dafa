"""What the queue's keys in Redis say: how far a job is, how many wait, who grades. Nothing is changed here.

The keys are RQ's (`rq:job:…`, `rq:queue:…`, `rq:worker:…`, `rq:wip:…`), and one list of our own per queue: the seconds
that its recent jobs took.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

from redis import Redis

from challenges import messages

QUEUES = (messages.QUEUE_GRADE_CPU, messages.QUEUE_GRADE_GPU, messages.QUEUE_PREPARE, messages.QUEUE_VERDICTS)
POP_SECONDS = 10.0
"""Between leaving the queue and being marked as started a job is nowhere; after so long it is lost."""
UNKNOWN_SECONDS = 1.0
"""What a job is expected to take before any has run."""


class JobState(StrEnum):
    """How far a job is, as far as the queue knows."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    """It ran; its answer may still wait to be recorded."""
    FAILED = "failed"
    """It was refused, or raised: no answer came of it."""
    LOST = "lost"
    """Its worker vanished, or Redis forgot a part of it: send it again."""


@dataclass(frozen=True)
class SandboxInfo:
    """What a grader found out about the sandbox of its machine."""

    level: str = ""
    """`S3`, `S2` … `S0`; empty: it did not tell."""
    reasons: list[str] = field(default_factory=list)
    """What is missing for a better level and what follows, in English, as the grader says it."""
    refuses: list[str] = field(default_factory=list)
    """Submission kinds that it does not open."""


@dataclass(frozen=True)
class GraderInfo:
    """What a living grader says of itself."""

    name: str
    queues: list[str]
    state: str
    """`idle` or `busy`."""
    job_id: str | None
    """The job in hand."""
    version: str
    device: str
    sandbox: SandboxInfo
    since: dt.datetime
    done: int
    """Jobs finished since its start."""


class Gauges:
    """Questions to the queues of an installation."""

    def __init__(self, redis: Redis, *, falls_back: bool = True) -> None:
        self._redis = redis
        self.falls_back = falls_back
        """What asks for a GPU may be graded on a CPU where nobody has one."""

    def find_state(self, job_id: str) -> JobState | None:
        """How far a job is; None when the queue has never heard of it, or has forgotten it."""
        found = self._redis.hmget(job_key(job_id), ["status", "origin", "worker_name", "enqueued_at"])
        status, origin, worker, enqueued_at = [(value or b"").decode() for value in cast("list[bytes]", found)]
        if not status:
            return None
        if status == "queued":
            if self.position(origin, job_id) is not None:
                return JobState.QUEUED
            return JobState.LOST if _age(enqueued_at) > POP_SECONDS else JobState.RUNNING
        if status == "started":
            return JobState.RUNNING if self._redis.exists(worker_key(worker)) else JobState.LOST
        return JobState.DONE if status == "finished" else JobState.FAILED

    def find_progress(self, job_id: str) -> dict[str, Any]:
        """What a running preparation last said of itself: `{"step", "share"}`; empty when nothing."""
        text = cast("bytes | None", self._redis.hget(job_key(job_id), "meta"))
        return dict(json.loads(text)) if text else {}

    def queue_of(self, job_id: str) -> str | None:
        """The queue that a job waits in or was taken from; None: it is unknown."""
        found = cast("bytes | None", self._redis.hget(job_key(job_id), "origin"))
        return found.decode() if found else None

    def position(self, queue: str, job_id: str) -> int | None:
        """1 for the job that runs next; None when it does not wait."""
        found = cast("int | None", self._redis.lpos(queue_key(queue), job_id))
        return None if found is None else found + 1

    def waiting(self) -> set[str]:
        """Ids of all jobs that wait in any queue: one look, where `position` looks for one job at a time."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for queue in QUEUES:
                pipeline.lrange(queue_key(queue), 0, -1)
            return {job_id.decode(errors="replace") for job_ids in pipeline.execute() for job_id in job_ids}

    def lengths(self) -> dict[str, int]:
        """How many jobs wait, by queue."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for queue in QUEUES:
                pipeline.llen(queue_key(queue))
            return dict(zip(QUEUES, pipeline.execute(), strict=True))

    def graders(self) -> list[GraderInfo]:
        """The graders that gave a sign of life in the last half minute, by name."""
        keys = sorted(cast("set[bytes]", self._redis.smembers("rq:workers")))
        with self._redis.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.hgetall(key)
                pipeline.smembers(key + b":executions")
            found = pipeline.execute()
        pairs = zip(keys, found[::2], found[1::2], strict=True)
        infos = [_describe(key.decode().removeprefix(worker_key("")), fields, jobs) for key, fields, jobs in pairs]
        return [info for info in infos if info is not None]

    def expected_wait(self, queue: str, position: int | None = None) -> float | None:
        """Seconds until the job at `position` is done (None: one sent now), from recent durations; None: nobody grades.

        Args:
            queue: A queue of `QUEUES`.
            position: As `position()` answers.
        """
        listening = sum(queue in grader.queues for grader in self.graders())
        if not listening:
            return None
        recent = [float(text) for text in cast("list[bytes]", self._redis.lrange(messages.durations_key(queue), 0, -1))]
        each = sum(recent) / len(recent) if recent else UNKNOWN_SECONDS
        place = position if position is not None else self.lengths()[queue] + 1
        return each * max(1.0, place / listening)


def job_key(job_id: str) -> str:
    """The hash that holds a job."""
    return f"rq:job:{job_id}"


def queue_key(queue: str) -> str:
    """The list of the jobs that wait, the next one first."""
    return f"rq:queue:{queue}"


def worker_key(name: str) -> str:
    """The hash that a worker keeps alive."""
    return f"rq:worker:{name}"


def _age(timestamp: str) -> float:
    if not timestamp:
        return float("inf")
    return time.time() - dt.datetime.fromisoformat(timestamp).timestamp()


def _describe(name: str, fields: dict[bytes, bytes], executions: set[bytes]) -> GraderInfo | None:
    told = {key.decode(): value.decode() for key, value in fields.items()}
    queues = told.get("queues", "").split(",")
    if "birth" not in told or messages.QUEUE_VERDICTS in queues:
        return None
    return GraderInfo(
        name=name,
        queues=queues,
        state="busy" if told.get("state") == "busy" else "idle",
        job_id=next((entry.decode().partition(":")[0] for entry in executions), None),
        version=told.get("version", ""),
        device=told.get("device", "cpu"),
        sandbox=_sandbox_of(told.get("sandbox", "")),
        since=dt.datetime.fromisoformat(told["birth"]),
        done=int(told.get("successful_job_count", 0)),
    )


def _sandbox_of(text: str) -> SandboxInfo:
    try:
        told = json.loads(text)
        reasons, refuses = [str(line) for line in told["reasons"]], [str(kind) for kind in told["refuses"]]
        return SandboxInfo(str(told["level"]), reasons, refuses)
    except (ValueError, TypeError, KeyError):
        return SandboxInfo()
