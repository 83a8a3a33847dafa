"""The queue's benchmark: how soon a score is seen, and how many submissions a second one grader and one scribe finish.

Everything is real: embedded PostgreSQL and Redis that write to disk, the web under uvicorn, the scribe, one grader.
The reference is RQ's own `SimpleWorker` that runs a job which does nothing, on the same Redis in the same run.
"""

from __future__ import annotations

import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from redis import Redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from arena.catalogue.datasets import request_dataset
from arena.catalogue.service import sync_packages
from arena.db import migrate
from arena.embedded import start_postgres, start_redis
from arena.runtime import open_runtime
from arena.settings import Settings
from challenges.catalogue import find_packages
from challenges.messages import QUEUE_GRADE_CPU
from graders.settings import GraderSettings
from tests.graders.runtime.installation import MANIFEST, PREPARE, Installation, children_of

ROWS = 10_000
P50_MS, P99_MS = 150.0, 400.0
SHARE_OF_NO_OP = 0.25
PATH = '[[stages]]\nname = "start"\ntitle = { en = "Start", zh = "开始" }\nhours = 1\nchallenges = []\n'


def do_nothing(_text: str) -> None:
    """The job that RQ's worker is measured with."""


@dataclass
class Site:
    """The running site."""

    client: httpx.Client
    redis: Redis
    content: bytes
    grader: int
    """Process of the grader itself."""

    def submit(self) -> str:
        """Upload a file; the submission's id."""
        answer = self.client.put("/challenges/sprouts/submissions/p.csv", content=self.content)
        answer.raise_for_status()
        return str(answer.json()["id"])

    def wait_until_scored(self, submission: str) -> None:
        """Follow the events of a submission, as a page does, to the last one."""
        with self.client.stream("GET", f"/submissions/{submission}/events") as answer:
            for line in answer.iter_lines():
                if line.startswith("data:") and '"status":"queued"' not in line:
                    assert '"status":"scored"' in line, line
                    return


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure; one record per target of the performance notes."""
    with tempfile.TemporaryDirectory(prefix="arena-bench-") as folder, running_site(Path(folder)) as site:
        for _ in range(5):
            site.wait_until_scored(site.submit())
        waits = sorted(measure_latency(site) for _ in range(20 if quick else 100))
        per_second = measure_throughput(site, 100 if quick else 500)
        no_op = measure_no_op(site.redis, 300 if quick else 1500)
    p99 = waits[min(len(waits) - 1, round(0.99 * len(waits)))]
    return [
        record("upload to score seen, idle, p50", "ms", statistics.median(waits) * 1000, P50_MS, below=True),
        record("upload to score seen, idle, p99", "ms", p99 * 1000, P99_MS, below=True),
        record(
            f"graded and recorded, one grader, {ROWS} rows", "/s", per_second, SHARE_OF_NO_OP * no_op, reference=no_op
        ),
    ]


def record(
    name: str, unit: str, value: float, target: float, *, below: bool = False, reference: float | None = None
) -> dict[str, Any]:
    """One line of the benchmark's table."""
    return {
        "name": name,
        "unit": unit,
        "value": round(value, 1),
        "reference": None if reference is None else round(reference, 1),
        "reference_name": None if reference is None else "RQ SimpleWorker, no-op job",
        "ratio": None if reference is None else round(value / reference, 3),
        "target": round(target, 1),
        "reached": value <= target if below else value >= target,
    }


def measure_latency(site: Site) -> float:
    """Seconds from the first byte of an upload to its score on the page."""
    began = time.perf_counter()
    site.wait_until_scored(site.submit())
    return time.perf_counter() - began


def measure_throughput(site: Site, count: int) -> float:
    """Submissions per second, graded and recorded, when many wait."""
    os.kill(site.grader, signal.SIGSTOP)
    last = [site.submit() for _ in range(count)][-1]
    key = f"rq:queue:{QUEUE_GRADE_CPU}"
    waiting = int(site.redis.llen(key))
    began = time.perf_counter()
    os.kill(site.grader, signal.SIGCONT)
    site.wait_until_scored(last)
    return waiting / (time.perf_counter() - began)


def measure_no_op(redis: Redis, count: int) -> float:
    """Jobs per second of RQ's own worker in one process."""
    queue = Queue("bench", connection=redis, serializer=JSONSerializer)
    for _ in range(count):
        queue.enqueue_call("tests.bench.queue.do_nothing", args=("x",))
    worker = SimpleWorker([queue], connection=redis, serializer=JSONSerializer, log_job_description=False)
    began = time.perf_counter()
    worker.work(burst=True, logging_level="ERROR")
    return count / (time.perf_counter() - began)


@contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """Servers, web, scribe and one grader, with one open challenge of many rows."""
    with ExitStack() as stack:
        postgres, server = start_postgres(folder / "postgres"), start_redis(folder / "redis")
        stack.callback(postgres.stop)
        stack.callback(server.stop)
        migrate(postgres.url)
        settings = Settings(
            database_url=postgres.url,
            redis_url=server.url,
            storage_url=(folder / "blobs").as_uri(),
            rate_login="1000/minute",
            rate_read="1000000/minute",
            rate_write="1000000/minute",
        )
        redis = stack.enter_context(Redis.from_url(server.url))
        graders = GraderSettings(
            redis_url=server.url,
            storage_url=settings.storage_url,
            vault_url=(folder / "vault").as_uri(),
            challenges_dir=folder / "challenges",
        )
        place = Installation(folder, redis, graders)
        write_challenge(place)
        runtime = open_runtime(settings)
        stack.callback(runtime.close)
        with runtime.sessions() as session:
            sync_packages(session, find_packages(graders.challenges_dir))
            request_dataset(session, runtime.queues, "sprouts", "offline")
        environment = os.environ | {f"ARENA_{k.upper()}": str(v) for k, v in settings.model_dump().items()}
        port = free_port()
        start(stack, folder, environment, "-m", "arena.cli", "web", "--port", str(port))
        start(stack, folder, environment, "-m", "arena.scribe")
        supervisor = start(stack, folder, place.environment, "-m", "graders.worker")
        client = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=60))
        until(lambda: is_open(client))
        client.post("/users", json={"username": "bench", "password": "correct horse battery"}).raise_for_status()
        login = client.post("/login", json={"username": "bench", "password": "correct horse battery"})
        client.headers["Authorization"] = f"Bearer {login.json()['token']}"
        yield Site(client, redis, place.sample(), children_of(supervisor.pid)[0])


def write_challenge(place: Installation) -> None:
    """A challenge of many hidden rows, and as many submissions a day as anyone could want."""
    manifest = MANIFEST.replace("limits = { grade_seconds = 1", "limits = { per_day = 100000, grade_seconds = 60")
    place.write_package(manifest=manifest, prepare=PREPARE.replace("ROWS = 40", f"ROWS = {ROWS}"))
    (place.settings.challenges_dir / "path.toml").write_text(PATH, encoding="utf-8")


def start(stack: ExitStack, folder: Path, environment: dict[str, str], *words: str) -> subprocess.Popen[bytes]:
    """Start one of our programs; it is stopped at the end."""
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen([sys.executable, *words], env=environment, stdout=log, stderr=log)

    def stop() -> None:
        process.terminate()
        process.wait(20)

    stack.callback(stop)
    return process


def is_open(client: httpx.Client) -> bool:
    """Whether the site answers and the challenge takes submissions."""
    try:
        answer = client.get("/challenges/sprouts")
    except httpx.TransportError:
        return False
    return answer.status_code == httpx.codes.OK and answer.json()["state"] == "open"


def until(holds: Any, seconds: float = 90) -> None:
    """Wait for something."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "the site did not start"
        time.sleep(0.1)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])
