"""One submission from file to verdict: read, check, align with the answers, score both sides, diagnose the public one.

Knows no queue and no network. A submission's own fault ends as a rejected verdict; every other error is raised.
"""

from __future__ import annotations

import resource
import time
from functools import lru_cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from challenges.errors import InvalidSubmission
from challenges.messages import GradeJob, Outcome, Provenance, Scores, Verdict, WireFault
from graders.artefacts.scoring import Judged, judge
from graders.diagnostics import PublicSide, diagnose
from graders.kinds import Upload
from graders.scoring import BrokenChallenge

if TYPE_CHECKING:
    from types import ModuleType

    from challenges.manifest import Manifest
    from graders.arrangement import Predictions
    from graders.boxing import Box
    from graders.kinds import Reading
    from graders.loading import LoadedChallenge

HEAD_BYTES = 4096
"""How much of a file is looked at to tell its kind."""


class WrongData(Exception):
    """The job names other data than the vault holds under that version."""


def grade(job: GradeJob, path: Path, challenge: LoadedChallenge, box: Box, grader: str = "") -> Verdict:
    """Score one submission.

    Args:
        job: What the web asked for.
        path: The upload, fetched and verified.
        challenge: The challenge with the data that the job names.
        box: Where the upload is opened.
        grader: Name of this grader, for the provenance.

    Returns:
        A scored or rejected verdict.

    Raises:
        WrongData: The job was made for other data.
        KindRefused: The sandbox of this machine does not hold what was submitted.
    """
    started = time.perf_counter()
    if job.dataset_digest != challenge.dataset_digest:
        raise WrongData(f"{job.slug} {job.dataset}: the job's data is {job.dataset_digest[:12]}, here is another one")
    try:
        upload = Upload(path, job.file.name)
        kind = find_kind(upload, challenge.manifest)
        box.check_kind(kind)
        device = box.device if challenge.manifest.device == "gpu" else "cpu"
        reading = load_kind(kind).read(upload, challenge, box.mechanism, device)
        judged = _judge(challenge, reading)
    except InvalidSubmission as refusal:
        return Verdict(
            job.submission_id,
            job.attempt,
            Outcome.REJECTED,
            faults=[WireFault(fault.reason.value, fault.named) for fault in refusal.faults],
            fault_count=refusal.count,
            provenance=_provenance(challenge, grader, started),
        )
    return Verdict(
        job.submission_id,
        job.attempt,
        Outcome.SCORED,
        public=judged.public,
        private=judged.private,
        diagnostics=judged.diagnostics,
        costs=reading.costs,
        provenance=_provenance(challenge, grader, started),
    )


def _judge(challenge: LoadedChallenge, reading: Reading) -> Judged:
    """Both sides' scores, and the public one's diagnostics."""
    if reading.given is not None:
        return judge(challenge, reading.given)
    if reading.program is not None:
        with reading.program:
            return judge(challenge, reading.program)
    predictions = reading.predictions
    if predictions is None:
        raise BrokenChallenge("the kind has read nothing that can be scored")
    public = score_side(challenge, predictions, challenge.public)
    private = score_side(challenge, predictions, challenge.private)
    return Judged(public, private, diagnose(PublicSide(challenge, predictions)))


def score_side(challenge: LoadedChallenge, predictions: Predictions, rows: slice) -> Scores:
    """Score the rows of one side.

    Returns:
        The challenge's metric with its standard error, and each secondary metric whose columns were submitted and
        that has a finite value.

    Raises:
        InvalidSubmission: SCORE_UNDEFINED: the challenge's own metric has no finite value.
    """
    first, *others = challenge.scorers
    score = first.score(predictions, rows)
    if score is None:
        raise BrokenChallenge(f"metric {first.metric.name} reads a column that need not be submitted")
    secondary: dict[str, float] = {}
    for scorer in others:
        try:
            value = scorer.score(predictions, rows)
        except InvalidSubmission:
            continue
        if value is not None:
            secondary[scorer.metric.name] = value
    return Scores(score, first.standard_error(predictions, rows), secondary, rows.stop - rows.start)


def find_kind(upload: Upload, manifest: Manifest) -> str:
    """The submission kind of an upload, where a challenge takes several; its own where none recognises the file."""
    if manifest.model is None or len(manifest.model.formats) == 1:
        return manifest.kind
    with upload.path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    fitting = (name for name in manifest.model.formats if load_kind(name).recognise(head, upload.name))
    return next(fitting, manifest.kind)


@lru_cache
def load_kind(name: str) -> ModuleType:
    """The submission kind of that name."""
    return import_module(f"graders.kinds.{name}")


@lru_cache
def _grader_version() -> str:
    try:
        return version("arena-grader")
    except PackageNotFoundError:
        return "0"


def _provenance(challenge: LoadedChallenge, grader: str, started: float) -> Provenance:
    return Provenance(
        grader=grader,
        grader_version=_grader_version(),
        package_digest=challenge.package_digest,
        dataset_digest=challenge.dataset_digest,
        seconds=time.perf_counter() - started,
        peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )
