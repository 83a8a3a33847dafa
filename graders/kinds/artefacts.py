"""Artefacts: an NPZ, or tables, pictures, texts and detections, scored by the challenge's own `grade.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from challenges.artefacts import Artefacts
from challenges.records import dump_record
from graders.artefacts import Ask
from graders.artefacts import specimens as artefacts_to_try
from graders.artefacts.finding import find, frame_bytes
from graders.artefacts.placing import Indices, load_indices, place
from graders.artefacts.wire import load_found
from graders.boxing import bounds_of, read_answer
from graders.kinds import Reading, Specimen, Upload
from graders.sandbox import Run
from graders.scoring import BrokenChallenge

if TYPE_CHECKING:
    from collections.abc import Callable

    from challenges._generators.grading import Given
    from challenges.manifest import Manifest
    from graders.loading import LoadedChallenge
    from graders.sandbox import Mechanism


def recognise(head: bytes, filename: str) -> bool:  # noqa: ARG001 - the same for every kind
    """Whether a file begins like an archive."""
    return head.startswith(b"PK")


def read(upload: Upload, challenge: LoadedChallenge, sandbox: Mechanism, device: str = "cpu") -> Reading:  # noqa: ARG001
    """Open an upload in the sandbox, check all that it holds, and bring it into the order of the published ids.

    Args:
        upload: The file.
        challenge: Says what it must hold.
        sandbox: Where the file is opened.
        device: As for every kind; artefacts need none.

    Raises:
        InvalidSubmission: The file is not what the challenge takes; names the first faults and counts the others.
        BrokenChallenge: A public file that lists ids is missing.
    """
    kept = challenge.kept
    if "ids" not in kept:
        kept["ids"] = load_indices(challenge.manifest, challenge.read_public)
    files = artefacts_of(challenge.manifest).files
    missing = {spec.ids for spec in files if spec.ids} - set(kept["ids"])
    if missing:
        raise BrokenChallenge(f"there is no public file {min(missing)!r}, which lists ids")
    return Reading(given=read_artefacts(upload, challenge.manifest, kept["ids"], sandbox))


def artefacts_of(manifest: Manifest) -> Artefacts:
    """What a challenge takes.

    Raises:
        BrokenChallenge: It takes no artefacts.
    """
    if manifest.artefacts is None:
        raise BrokenChallenge("the manifest has no [artefacts] table")
    return manifest.artefacts


def read_artefacts(upload: Upload, manifest: Manifest, indices: Indices, sandbox: Mechanism) -> Given:
    """As `read`, of a challenge whose ids alone are known."""
    ask = ask_for(manifest, indices)
    with upload.path.open("rb") as file:
        bounds = bounds_of(manifest.limits, frame_bytes(ask))
        outcome = sandbox.run(Run("artefacts", dump_record(ask), bounds, files=[file.fileno()]))
    found = read_answer(outcome, manifest.limits, lambda frame: load_found(frame, ask))
    return place(found, ask.artefacts.files, indices)


def read_here(content: bytes, manifest: Manifest, indices: Indices) -> Given:
    """As `read_artefacts`, in this very process: for one's own files."""
    ask = ask_for(manifest, indices)
    return place(find(content, ask), ask.artefacts.files, indices)


def ask_for(manifest: Manifest, indices: Indices) -> Ask:
    """What the guest of a challenge is told."""
    artefacts = artefacts_of(manifest)
    counts = {spec.name: indices[spec.ids].size for spec in artefacts.files if spec.ids in indices}
    return Ask(artefacts, manifest.submission.id, manifest.limits.upload_bytes, counts)


def specimens() -> list[Specimen]:
    """Archives that a grader must judge rightly before it takes the first job."""
    indices = artefacts_to_try.indices()

    def reader(manifest: Manifest) -> Callable[[Upload, Mechanism], Given]:
        return lambda upload, sandbox: read_artefacts(upload, manifest, indices, sandbox)

    return [
        Specimen(case.name, case.filename, case.content, case.reason, reader(case.manifest))
        for case in artefacts_to_try.cases()
    ]
