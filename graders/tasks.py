"""The job in hand, and what Redis knows of it: progress, and what becomes of it when its grader ends before it does.

The keys are RQ's. Nothing here can run a job.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Unpack

from redis import Redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.client import Pipeline
from redis.retry import Retry

from challenges import messages
from challenges.errors import Facts, Fault, Reason
from challenges.messages import GradeJob, Outcome, Verdict, WireFault

FAILURE_SECONDS = 7 * 86400
"""How long a job that came to nothing is remembered."""
WORKER_SECONDS = 30
"""A grader that gave no sign of life for so long is dead."""


@dataclass(frozen=True)
class Task:
    """The job in hand, as its supervisor must know it when the grader dies."""

    queue: str
    job_id: str
    execution: str
    """RQ's name of this run of the job."""
    function: str
    text: str
    """The message."""


def connect(url: str) -> Redis:
    """A Redis client that rides out a restart of the server."""
    retry = Retry(ExponentialWithJitterBackoff(base=0.05, cap=1.0), 6)
    return Redis.from_url(url, retry=retry, health_check_interval=30, socket_timeout=10, socket_connect_timeout=5)


def save_progress(redis: Redis, job_id: str, step: str, share: float) -> None:
    """Say how far a long job is, for whoever waits for it."""
    if redis.exists(job_key(job_id)):
        redis.hset(job_key(job_id), "meta", json.dumps({"step": step, "share": round(share, 3)}))


def hand_back(redis: Redis, worker: str, task: Task) -> None:
    """Make the job of a grader that ended before it was done the next one of its queue."""
    with redis.pipeline() as pipeline:
        _forget(pipeline, worker, task)
        pipeline.hset(job_key(task.job_id), mapping={"status": "queued", "worker_name": ""})
        pipeline.lpush(f"rq:queue:{task.queue}", task.job_id)
        pipeline.execute()


def bury(redis: Redis, worker: str, task: Task | None) -> None:
    """Take a dead grader off the list, and its job, which somebody else has answered, out of the running ones."""
    with redis.pipeline() as pipeline:
        _forget(pipeline, worker, task)
        if task is not None:
            pipeline.hset(job_key(task.job_id), "status", "failed")
            pipeline.expire(job_key(task.job_id), FAILURE_SECONDS)
        pipeline.execute()


def reject(job: GradeJob, reason: Reason, **facts: Unpack[Facts]) -> Verdict:
    """The verdict on a submission that took more than it may."""
    fault = WireFault(reason.value, Fault(reason, facts).named)
    return Verdict(job.submission_id, job.attempt, Outcome.REJECTED, faults=[fault], fault_count=1)


def job_key(job_id: str) -> str:
    """The hash that holds a job."""
    return f"rq:job:{job_id}"


def _forget(pipeline: Pipeline, worker: str, task: Task | None) -> None:
    key = f"rq:worker:{worker}"
    pipeline.delete(key, f"{key}:executions")
    pipeline.srem("rq:workers", key)
    for queue in (messages.QUEUE_GRADE_CPU, messages.QUEUE_GRADE_GPU, messages.QUEUE_PREPARE):
        pipeline.srem(f"rq:workers:{queue}", key)
    if task is not None:
        pipeline.zrem(f"rq:wip:{task.queue}", task.execution)
