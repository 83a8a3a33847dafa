"""The web side of the queue: hand jobs to graders, and listen for what they answer.

A message that is sent twice is done once: its id names the job, and Redis refuses a second one. A job whose worker
vanished, or that Redis half forgot, counts as lost, and sending it again brings it back. Jobs are JSON, never pickle,
and nothing but the functions that the caller of `listen` names is ever called.
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
from redis.backoff import ExponentialWithJitterBackoff
from redis.client import Pipeline
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry
from rq import Queue, SimpleWorker
from rq.exceptions import DuplicateJobError
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.timeouts import BaseDeathPenalty

from arena.gauges import QUEUES, Gauges, GraderInfo, JobState, job_key, queue_key
from challenges import messages
from challenges.messages import GradeJob, PrepareJob, PrepareReport, Verdict

__all__ = ["QUEUES", "GraderInfo", "JobState", "Queues", "connect"]

RESULT_SECONDS = 600
"""How long a finished job is remembered: sent again within it, it is known to be done."""
FAILURE_SECONDS = 7 * 86400
WORKER_SECONDS = 30
"""A worker that gave no sign of life for so long is dead."""
MAX_RETURNS = 2
"""How often a job goes back to the queue because its worker vanished; the next time, it has failed."""

log = structlog.get_logger(__name__)


def connect(url: str) -> Redis:
    """A Redis client that rides out a restart of the server."""
    retry = Retry(ExponentialWithJitterBackoff(base=0.05, cap=1.0), 6)
    return Redis.from_url(url, retry=retry, health_check_interval=30, socket_timeout=10, socket_connect_timeout=5)


class Queues(Gauges):
    """The four queues of an installation: what `Gauges` reads, and the ways to send, recover and listen."""

    def send(self, queue: str, message: GradeJob | PrepareJob) -> bool:
        """Put a job on a queue, after the commit of the row it belongs to.

        Returns:
            False when it is there already: waiting, running, or its answer is on the way.
        """
        route = messages.route_of(message)
        if self._enqueue(queue, route.function, route.job_id, message):
            return True
        alive = (JobState.QUEUED, JobState.RUNNING)
        state, answer = self.find_state(route.job_id), self.find_state(route.answer_id)
        if state in alive or answer in alive:
            return False
        log.warning("a job is sent again", job=route.job_id, state=state, answer=answer)
        if answer is not None:
            _push_back(self._redis, messages.QUEUE_VERDICTS, route.answer_id)
            return True
        self._redis.delete(job_key(route.job_id))
        return self._enqueue(queue, route.function, route.job_id, message)

    def recover(self) -> int:
        """Give the jobs of vanished workers back to their queues; the number of jobs that were."""
        return sum(self._recover(queue, entry) for queue in QUEUES for entry in self._running(queue))

    def listen(
        self,
        functions: Mapping[str, Callable[[str], object]],
        stop: threading.Event,
        *,
        transient: tuple[type[Exception], ...] = (),
    ) -> None:
        """Call `functions` by name for everything on the queue of verdicts, until `stop` is set.

        Args:
            functions: All that may be called, by the name that travels; each takes the message's text.
            stop: Set by whoever ends the process; the job in hand is finished first.
            transient: Errors that pass, such as a database that restarts: the job waits, and is tried again.
        """
        delay = 0.2
        while not stop.is_set():
            began = time.monotonic()
            try:
                _Listener(self._redis, functions, stop, transient).serve()
            except (RedisConnectionError, RedisTimeoutError) as error:
                delay = 0.2 if time.monotonic() - began > WORKER_SECONDS else min(2 * delay, 5.0)
                log.warning("redis is away", error=str(error), wait_seconds=delay)
                stop.wait(delay)

    def _enqueue(
        self, queue: str, function: str, job_id: str, message: GradeJob | PrepareJob | Verdict | PrepareReport
    ) -> bool:
        keep = 0 if queue == messages.QUEUE_VERDICTS else RESULT_SECONDS
        with suppress(DuplicateJobError):
            Queue(queue, connection=self._redis, serializer=JSONSerializer).enqueue_call(
                function,
                args=(messages.dump_message(message),),
                job_id=job_id,
                unique=True,
                description=job_id,  # otherwise RQ writes the whole message there
                result_ttl=keep,
                failure_ttl=FAILURE_SECONDS,
            )
            return True
        return False

    def _running(self, queue: str) -> list[bytes]:
        return cast("list[bytes]", self._redis.zrange(f"rq:wip:{queue}", 0, -1))

    def _recover(self, queue: str, entry: bytes) -> bool:
        job_id = entry.decode().partition(":")[0]
        if self.find_state(job_id) is JobState.RUNNING or not self._redis.zrem(f"rq:wip:{queue}", entry):
            return False
        if self.find_state(job_id) is not JobState.LOST:
            return False
        returns = self._redis.hincrby(job_key(job_id), "returns", 1)
        log.warning("a worker vanished", job=job_id, returns=returns)
        if returns > MAX_RETURNS and queue != messages.QUEUE_VERDICTS:
            self._give_up(job_id)
        else:
            _push_back(self._redis, queue, job_id)
        return True

    def _give_up(self, job_id: str) -> None:
        """Answer in the place of the graders that a job took with it."""
        sent = Job.fetch(job_id, connection=self._redis, serializer=JSONSerializer)
        job = messages.parse_job(sent.func_name or "", sent.args[0])
        route = messages.route_of(job)
        answer = messages.failure_of(job, f"The grader vanished {MAX_RETURNS + 1} times while it ran {job_id}.")
        self._redis.hset(job_key(job_id), "status", "failed")
        self._enqueue(messages.QUEUE_VERDICTS, route.answer_function, route.answer_id, answer)


def _push_back(redis: Redis, queue: str, job_id: str) -> None:
    """Make a job the next one of its queue."""
    with redis.pipeline() as pipeline:
        pipeline.hset(job_key(job_id), mapping={"status": "queued", "worker_name": ""})
        pipeline.zrem(f"rq:failed:{queue}", job_id)
        pipeline.lrem(queue_key(queue), 0, job_id)
        pipeline.lpush(queue_key(queue), job_id)
        pipeline.persist(job_key(job_id))
        pipeline.execute()


class HandedBack(Exception):
    """The process ends before a job could be done: it waits for the next one."""


class Refused(Exception):
    """A job names something that this process does not do."""


class _GuardedJob(Job):
    """A job that can call what it was given, and nothing else: no dotted name, no callback, no webhook, no retry."""

    functions: Mapping[str, Callable[[str], object]] = {}

    def restore(self, raw_data: Any) -> None:
        super().restore(raw_data)
        for name in ("_success_callback_name", "_failure_callback_name", "_stopped_callback_name"):
            setattr(self, name, None)
        self.webhooks, self._dependency_ids = [], []
        self.retries_left = self.repeats_left = self.rate_limit_key = self.group_id = None

    def _execute(self) -> None:
        function = self.functions.get(self.func_name or "")
        if function is None or self.instance is not None or self.kwargs:
            raise Refused(f"{self.func_name!r} is not done here")
        if len(self.args) != 1 or not isinstance(self.args[0], str):
            raise Refused("a job carries one message, as text")
        function(self.args[0])


class _Untimed(BaseDeathPenalty):
    """RQ's alarm, which works in a main thread only, left out: whoever listens limits the time of a job."""

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
        functions: Mapping[str, Callable[[str], object]],
        stop: threading.Event,
        transient: tuple[type[Exception], ...],
    ) -> None:
        name = f"scribe-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        queues = [messages.QUEUE_VERDICTS]
        super().__init__(queues, name=name, connection=redis, serializer=JSONSerializer, worker_ttl=WORKER_SECONDS)
        self.log.setLevel("WARNING")
        self._stop, self._transient = stop, transient
        self._functions = {name: self._patient(function) for name, function in functions.items()}

    def serve(self) -> None:
        """Work until told to stop; raises when Redis goes away."""
        self.register_birth()
        ended = threading.Event()
        threading.Thread(target=self._beat, args=(ended,), daemon=True).start()
        try:
            while not self._stop.is_set():
                self._step()
        finally:
            ended.set()
            with suppress(RedisError):
                self.register_death()  # type: ignore[no-untyped-call]

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:  # noqa: ARG002 - RQ's
        super().heartbeat(WORKER_SECONDS, pipeline)

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:  # noqa: ARG002 - RQ's signature
        """How long RQ waits before it calls a running job abandoned: `recover` knows better, and sooner."""
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
        try:
            job = _GuardedJob.fetch(popped[1].decode(), connection=self.connection, serializer=self.serializer)
        except RedisError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever stands in the queue, the next job is worked on
            log.warning("not a job", job=repr(popped[1]), error=repr(error))
            return
        cast("_GuardedJob", job).functions = self._functions
        self.execute_job(job, self.queues[0])

    def _patient(self, function: Callable[[str], object]) -> Callable[[str], None]:
        def run(text: str) -> None:
            delay = 0.1
            while True:
                try:
                    function(text)
                except self._transient as error:
                    log.warning("will be tried again", error=type(error).__name__, wait_seconds=delay)
                else:
                    return
                if self._stop.wait(delay):
                    raise HandedBack
                delay = min(2 * delay, 5.0)

        return run

    def _beat(self, ended: threading.Event) -> None:
        """Say every few seconds that this worker lives, also after Redis lost its memory."""
        while not ended.wait(WORKER_SECONDS / 3):
            with suppress(RedisError):
                if self.connection.hexists(self.key, "birth"):
                    self.heartbeat()
                else:
                    self.register_birth()

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Say that a job raised; RQ would log the whole message as well."""
        log.error("a job failed", job=job.id, exc_info=exc_info)

    def _finalize_failure(self, job: Job, queue: Queue, execution: Execution, exc_info: Any) -> None:
        if not isinstance(exc_info[1], HandedBack):
            super()._finalize_failure(job, queue, execution, exc_info)
            return
        with self.connection.pipeline() as pipeline:
            self.cleanup_execution(job, pipeline=pipeline, execution=execution)
            pipeline.execute()
        _push_back(self.connection, queue.name, job.id)
