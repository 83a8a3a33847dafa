"""A small installation on disk for tests: one challenge, blobs, a vault, and graders as real processes."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import uuid4

from redis import Redis
from rq.job import Job
from rq.serializers import JSONSerializer

from challenges import messages
from challenges.catalogue import SECTIONS, load_package
from challenges.messages import DataFile, GradeJob, PrepareJob, PrepareReport, Verdict, parse_message
from graders.settings import GraderSettings

Found = TypeVar("Found")

MANIFEST = """
schema = 1
version = 1
kind = "predictions"
stage = "start"
hours = 1
data_licence = "CC0-1.0"
title = { en = "Sprouts", zh = "芽" }
summary = { en = "Name the sprout.", zh = "辨认芽。" }
metric = { name = "accuracy", direction = "max", columns = ["kind"] }
thresholds = { passing = 0.5, good = 0.8, excellent = 0.9 }
split = { public_share = 0.3, stratify = "kind" }
limits = { grade_seconds = 1, memory_bytes = 300_000_000 }

[submission]
id = "id"

[[submission.columns]]
name = "kind"
type = "label"
labels = ["bean", "pea"]
description = { en = "Its kind.", zh = "种类。" }
"""

PREPARE = '''
"""Makes sprouts."""

import polars as pl

ROWS = 40


def prepare(raw, public, hidden, keys, source):
    ids = keys.ids(ROWS)
    kinds = [("bean", "pea")[n] for n in keys.rng("test/labels").integers(0, 2, ROWS)]
    (public / "train.csv").write_text("length,kind\\n1.5,bean\\n2.5,pea\\n")
    table = pl.DataFrame({"id": ids, "kind": kinds}).sort("id")
    table.select("id", kind=pl.lit("bean")).write_csv(public / "sample_submission.csv")
    table.write_parquet(hidden / "answers.parquet")
'''


def wait_for(look: Callable[[], Found | None], seconds: float = 20) -> Found:
    """What `look` answers as soon as it is something."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@dataclass
class Installation:
    """Folders, Redis, and the jobs that a web would send."""

    root: Path
    redis: Redis
    settings: GraderSettings

    @property
    def vault(self) -> Path:
        return self.root / "vault"

    @property
    def temporary(self) -> Path:
        """Where its processes keep temporary files."""
        return self.root / "tmp"

    @property
    def blobs(self) -> Path:
        return self.root / "blobs"

    def write_package(self, slug: str = "sprouts", prepare: str = PREPARE, manifest: str = MANIFEST) -> Path:
        """A challenge's folder, complete."""
        folder = self.settings.challenges_dir / slug
        folder.mkdir(parents=True, exist_ok=True)
        files = {"challenge.toml": manifest, "prepare.py": prepare, "__init__.py": "", "baseline.py": ""}
        for language, name in (("en", "description.md"), ("zh", "description.zh.md")):
            titles = [str(getattr(title, language)) for title in SECTIONS.values()]
            files[name] = "# Sprouts\n\n" + "".join(f"## {title}\n\nText.\n\n" for title in titles)
        for name, content in files.items():
            (folder / name).write_text(content, encoding="utf-8")
        return folder

    def prepare_job(self, slug: str = "sprouts", source: str = "offline", dataset: str = "offline-v1-1") -> PrepareJob:
        digest = load_package(self.settings.challenges_dir / slug).digest
        return PrepareJob(uuid4().hex, slug, dataset, source, digest)

    def grade_job(self, content: bytes, report: PrepareReport, **changes: Any) -> GradeJob:
        """A job for an upload that lies where the web puts it."""
        submission = uuid4().hex
        path = self.blobs / "uploads" / submission / "p.csv"
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        file = DataFile("p.csv", len(content), hashlib.sha256(content).hexdigest())
        package = load_package(self.settings.challenges_dir / report.slug)
        fields: dict[str, Any] = {
            "submission_id": submission,
            "attempt": 1,
            "slug": report.slug,
            "dataset": "offline-v1-1",
            "dataset_digest": report.digest,
            "package_digest": package.digest,
            "url": path.as_uri(),
            "file": file,
        }
        return GradeJob(**{**fields, **changes})

    def sample(self, slug: str = "sprouts") -> bytes:
        return (self.blobs / "public" / slug / "offline-v1-1" / "sample_submission.csv").read_bytes()

    def answers(self) -> list[Verdict | PrepareReport]:
        """What waits to be recorded, the oldest first."""
        found: list[Verdict | PrepareReport] = []
        for job_id in cast("list[bytes]", self.redis.lrange("rq:queue:verdicts", 0, -1)):
            job = Job.fetch(job_id.decode(), connection=self.redis, serializer=JSONSerializer)
            if job.func_name == messages.FUNCTION_RECORD_VERDICT:
                found.append(parse_message(Verdict, job.args[0]))
            else:
                found.append(parse_message(PrepareReport, job.args[0]))
        return found

    def wait_for_answers(self, count: int = 1, seconds: float = 20) -> list[Verdict | PrepareReport]:
        return wait_for(lambda: found if len(found := self.answers()) >= count else None, seconds)

    @property
    def environment(self) -> dict[str, str]:
        """What a grader's process is given."""
        ours = {f"ARENA_{name.upper()}": str(value) for name, value in self.settings.model_dump().items()}
        self.temporary.mkdir(exist_ok=True)
        ours["TMPDIR"] = str(self.temporary)
        return {name: value for name, value in os.environ.items() if not name.startswith("ARENA_")} | ours

    @contextmanager
    def running(self, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        """A grader under its supervisor, or another program; it is gone afterwards, and so are its children."""
        words = command or ("-m", "graders.worker")
        log = (self.root / "grader.log").open("ab")
        process = subprocess.Popen([sys.executable, *words], env=self.environment, stderr=log, stdout=log)
        try:
            yield process
        finally:
            children = children_of(process.pid)
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            log.close()
            for child in children:
                wait_for(lambda pid=child: not is_alive(pid))  # type: ignore[misc]

    def log(self) -> str:
        return (self.root / "grader.log").read_text(encoding="utf-8", errors="replace")

    def workers(self) -> list[str]:
        return [name.decode() for name in cast("set[bytes]", self.redis.smembers("rq:workers"))]


def children_of(pid: int) -> list[int]:
    """Processes that a process has started and not yet buried."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(word) for word in text.split()]


def is_alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill_child(supervisor: subprocess.Popen[bytes], number: signal.Signals = signal.SIGKILL) -> int:
    """Send a signal to the grader under a supervisor."""
    child = wait_for(lambda: children_of(supervisor.pid))[0]
    os.kill(child, number)
    return child
