"""The graders' side of the queue: take jobs and call the two functions that do them, send answers, hand jobs back.

Jobs are JSON, never pickle; whatever else a job names, a callback or a webhook included, is never touched. Redis keys
are RQ's; what the web reads of a grader stands in `rq:worker:<name>`.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, cast

import structlog
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from rq import Queue, SimpleWorker
from rq.exceptions import DuplicateJobError
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.timeouts import BaseDeathPenalty

from challenges import messages
from challenges.messages import PrepareReport, Verdict
from graders.tasks import FAILURE_SECONDS, WORKER_SECONDS, Task, job_key
from graders.watching import Reporter

DURATIONS_KEPT = 50

log = structlog.get_logger(__name__)

Function = Callable[[str], None]


def send_answer(redis: Redis, answer: Verdict | PrepareReport) -> bool:
    """Send what came of a job to whoever records it.

    Returns:
        False when an answer to the same job waits already.
    """
    if isinstance(answer, Verdict):
        names = messages.FUNCTION_RECORD_VERDICT, f"verdict-{answer.submission_id}-{answer.attempt}"
    else:
        names = messages.FUNCTION_RECORD_REPORT, f"report-{answer.dataset_id}"
    text = messages.dump_message(answer)
    if _enqueue(redis, *names, text):
        return True
    if redis.hget(job_key(names[1]), "status") != b"failed":
        return False
    redis.delete(job_key(names[1]))  # it could not be recorded: this one may be
    return _enqueue(redis, *names, text)


def listen(
    redis: Redis,
    queues: list[str],
    functions: Mapping[str, Function],
    stop: threading.Event,
    reporter: Reporter,
    facts: Mapping[str, str],
) -> None:
    """Work on `queues`, in order of priority, until `stop` is set; come back whenever Redis does.

    Args:
        redis: Where the queues are.
        queues: Names of queues, the most important first.
        functions: All that may be called, by the name that travels; each takes the message's text.
        stop: Set by whoever ends the process; the job in hand is finished first.
        reporter: Told of each beginning and end.
        facts: What the web shows of this grader, `version` and `device`.
    """
    delay = 0.2
    while not stop.is_set():
        began = time.monotonic()
        try:
            _Listener(redis, queues, functions, reporter, facts).serve(stop)
        except (RedisConnectionError, RedisTimeoutError) as error:
            delay = 0.2 if time.monotonic() - began > WORKER_SECONDS else min(2 * delay, 5.0)
            log.warning("redis is away", error=str(error), wait_seconds=delay)
            stop.wait(delay)


def _enqueue(redis: Redis, function: str, job_id: str, text: str) -> bool:
    with suppress(DuplicateJobError):
        Queue(messages.QUEUE_VERDICTS, connection=redis, serializer=JSONSerializer).enqueue_call(
            function,
            args=(text,),
            job_id=job_id,
            unique=True,
            description=job_id,  # otherwise RQ writes the whole message there
            result_ttl=0,
            failure_ttl=FAILURE_SECONDS,
        )
        return True
    return False


class Refused(Exception):
    """A job names something that a grader does not do."""


class _GuardedJob(Job):
    """A job that can call what it was given, and nothing else: no dotted name, no callback, no webhook, no retry."""

    perform_with: Callable[[str, str], None]
    """Takes the name of the function and the message; set before the job is performed."""

    def restore(self, raw_data: Any) -> None:
        super().restore(raw_data)
        for name in ("_success_callback_name", "_failure_callback_name", "_stopped_callback_name"):
            setattr(self, name, None)
        self.webhooks, self._dependency_ids = [], []
        self.retries_left = self.repeats_left = self.rate_limit_key = self.group_id = None

    def _execute(self) -> None:
        if self.instance is not None or self.kwargs or len(self.args) != 1 or not isinstance(self.args[0], str):
            raise Refused("a job carries one message, as text")
        self.perform_with(self.func_name or "", self.args[0])


class _Untimed(BaseDeathPenalty):
    """RQ's alarm left out: a supervisor ends what takes too long, in C code as well."""

    def setup_death_penalty(self) -> None:
        """Set nothing."""

    def cancel_death_penalty(self) -> None:
        """Cancel nothing."""


class _Listener(SimpleWorker):
    """RQ's worker in this very process, with a loop of its own: it stops between jobs, and never in one."""

    job_class = _GuardedJob
    death_penalty_class = _Untimed

    def __init__(
        self,
        redis: Redis,
        queues: list[str],
        functions: Mapping[str, Function],
        reporter: Reporter,
        facts: Mapping[str, str],
    ) -> None:
        name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        super().__init__(queues, name=name, connection=redis, serializer=JSONSerializer, worker_ttl=WORKER_SECONDS)
        self.log.setLevel("WARNING")
        self._functions, self._reporter, self._facts = functions, reporter, facts

    def serve(self, stop: threading.Event) -> None:
        """Work until told to stop; raises when Redis goes away."""
        self.register_birth()
        ended = threading.Event()
        threading.Thread(target=self._beat, args=(ended,), daemon=True).start()
        self._reporter.born(self.name)
        try:
            while not stop.is_set():
                self._step()
        finally:
            ended.set()
            with suppress(RedisError):
                self.register_death()  # type: ignore[no-untyped-call]

    def serialize(self) -> dict[str, Any]:
        """What Redis knows of this grader."""
        return {**super().serialize(), **self._facts}

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:  # noqa: ARG002 - RQ's
        super().heartbeat(WORKER_SECONDS, pipeline)

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:  # noqa: ARG002 - RQ's signature
        """How long RQ waits before it calls a running job abandoned: the supervisor and the sweep know it sooner."""
        return 86400

    def register_birth(self) -> None:
        self.connection.delete(self.key)
        super().register_birth()  # type: ignore[no-untyped-call]
        self.heartbeat()

    def _step(self) -> None:
        if self.should_run_maintenance_tasks:
            self.clean_registries()  # type: ignore[no-untyped-call]
        popped = cast("tuple[bytes, bytes] | None", self.connection.blpop(self.queue_keys(), timeout=1))
        if popped is None:
            return
        queue = next(queue for queue in self.queues if queue.key.encode() == popped[0])
        try:
            job = _GuardedJob.fetch(popped[1].decode(), connection=self.connection, serializer=self.serializer)
        except RedisError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever stands in the queue, the next job is worked on
            log.warning("not a job", queue=queue.name, error=repr(error))
            return
        began = time.monotonic()
        self.execute_job(job, queue)
        self._note_duration(queue.name, time.monotonic() - began)

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        def perform(name: str, text: str) -> None:
            function = self._functions.get(name)
            if function is None:
                raise Refused(f"{name!r} is not done here")
            self._reporter.started(Task(queue.name, job.id, execution.composite_key, name, text))
            try:
                function(text)
            finally:
                self._reporter.ended()

        cast("_GuardedJob", job).perform_with = perform
        return super().perform_job(job, queue, execution)

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Say that a job raised; RQ would log the message as well."""
        log.error("a job failed", job=job.id, error=exc_info[0].__name__)

    def _note_duration(self, queue: str, seconds: float) -> None:
        with self.connection.pipeline(transaction=False) as pipeline:
            pipeline.lpush(messages.durations_key(queue), f"{seconds:.4f}")
            pipeline.ltrim(messages.durations_key(queue), 0, DURATIONS_KEPT - 1)
            pipeline.execute()

    def _beat(self, ended: threading.Event) -> None:
        """Say every few seconds that this grader lives, also after Redis lost its memory."""
        while not ended.wait(WORKER_SECONDS / 3):
            with suppress(RedisError):
                if self.connection.hexists(self.key, "birth"):
                    self.heartbeat()
                else:
                    self.register_birth()
