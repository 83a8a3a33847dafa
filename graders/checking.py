"""Checks a file on the participant's own machine, exactly as a grader does before it has seen anything hidden.

    python -m graders.checking challenge.toml model.onnx [--json]

Models are opened in the sandbox where this machine can hold one, else in this very process: the file is one's own.
Tables are compared with the ids of a `sample_submission.csv` beside the manifest, and artefacts with the public files
that list their ids, where there are any.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from challenges.errors import Fault, InvalidManifest, InvalidSubmission, Reason
from challenges.manifest import Manifest
from challenges.phrases import Code, Phrase, Words, say
from challenges.records import dump_record
from challenges.rules import load_manifest
from graders.alignment import AnswerIndex
from graders.artefacts.placing import load_indices
from graders.boxing import SandboxFailed, check_end
from graders.faults import quote
from graders.grading import find_kind
from graders.kinds import Upload, artefacts
from graders.kinds.predictions import read_here
from graders.models.running import Course, ask_to_try, run_guest
from graders.models.serving import find_excess
from graders.models.tried import Tried, parse_tried
from graders.parsing import parse
from graders.programs.opening import open_here
from graders.sandbox import End, Outcome, Run
from graders.sandbox.frames import Frame
from graders.tables import Expected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from graders.sandbox import Mechanism

SAMPLE_FILE = "sample_submission.csv"
OK, REFUSED, BROKEN_MANIFEST = 0, 1, 2
"""Exit codes."""
_ANY_ROWS = 1 << 31


@dataclass(frozen=True)
class Checked:
    """What is wrong with a file, and what it costs."""

    faults: list[Fault] = field(default_factory=list)
    count: int = 0
    costs: dict[str, float] = field(default_factory=dict)
    warning: Words | None = None
    """What was done otherwise than a grader does it."""
    doubts: list[Fault] = field(default_factory=list)
    """What this machine alone cannot decide: a model that is slow here is measured again where it is graded."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready data."""
        faults, doubts = (
            [{**fault.to_dict(), "sentence": fault.sentence} for fault in found] for found in (self.faults, self.doubts)
        )
        told = {"ok": not faults, "faults": faults, "count": self.count, "costs": self.costs}
        return {**told, "warning": dump_record(self.warning), "doubts": doubts}


def main(arguments: list[str] | None = None) -> int:
    """Check one file and say what was found; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m graders.checking", description="Check a file before it is sent.")
    parser.add_argument("manifest", type=Path, help="the challenge's challenge.toml")
    parser.add_argument("file", type=Path, help="what would be uploaded")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of sentences")
    given = parser.parse_args(arguments)
    try:
        manifest = load_manifest(given.manifest)
        checked = check_file(manifest, given.manifest.parent, given.file)
    except (InvalidManifest, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return BROKEN_MANIFEST
    sys.stdout.write(json.dumps(checked.to_dict(), ensure_ascii=False) + "\n" if given.json else tell(checked))
    return REFUSED if checked.faults else OK


def check_file(manifest: Manifest, folder: Path, path: Path) -> Checked:
    """Check one file.

    Args:
        manifest: The challenge's.
        folder: Where the manifest lies; the architecture of weights and the sample submission beside it.
        path: What would be uploaded.
    """
    try:
        size = path.stat().st_size
        if size > manifest.limits.upload_bytes:
            limit = manifest.limits.upload_bytes
            raise InvalidSubmission.because(Reason.TOO_LARGE, size_bytes=size, limit_bytes=limit)
        upload = Upload(path, path.name)
        if manifest.artefacts is not None:
            check_archive(manifest, folder, upload)
            return Checked()
        if manifest.program is not None:
            open_here(upload.path.read_bytes(), upload.name, manifest)
            return Checked()
        if manifest.model is None:
            check_table(manifest, folder, upload)
            return Checked()
        return check_model(manifest, folder, upload)
    except InvalidSubmission as refusal:
        return Checked(refusal.faults, refusal.count)


def check_table(manifest: Manifest, folder: Path, upload: Upload) -> None:
    """Check a table of predictions; ids too, where a sample submission tells them.

    Nothing beside the manifest tells of which source the data is, so that labels may be called as in any of them.

    Raises:
        InvalidSubmission: What is wrong with it.
    """
    others = [manifest.of_source(name) for name, source in manifest.sources.items() if source.names]
    refusals = []
    for each in (manifest, *others):
        try:
            return _check_table(each, folder, upload)
        except InvalidSubmission as refusal:
            refusals.append(refusal)
    raise refusals[0]


def _check_table(manifest: Manifest, folder: Path, upload: Upload) -> None:
    table, sample = manifest.submission, folder / SAMPLE_FILE
    content = upload.path.read_bytes()
    if sample.exists():
        ids = pl.read_csv(sample, columns=[table.id])[table.id]
        read_here(content, upload.name, manifest, AnswerIndex(ids))
        return
    parsed = parse(content, upload.name, Expected(table, manifest.limits, _ANY_ROWS, pl.String))
    parsed.faults.raise_any()


def check_archive(manifest: Manifest, folder: Path, upload: Upload) -> None:
    """Check artefacts; ids too, where the public files that list them lie beside the manifest.

    Raises:
        InvalidSubmission: What is wrong with them.
    """
    indices = load_indices(manifest, lambda name: (folder / name).read_bytes())
    artefacts.read_here(upload.path.read_bytes(), manifest, indices)


def check_model(manifest: Manifest, folder: Path, upload: Upload) -> Checked:
    """Open a model and try it on random inputs.

    Raises:
        InvalidSubmission: It was stopped, or crashed.
    """
    if sys.platform == "linux":
        # Imported here: other systems have not what it needs.
        from graders.sandbox.fresh import Fresh  # noqa: PLC0415

        try:
            return try_model(manifest, folder, upload, Fresh())
        except (SandboxFailed, OSError) as error:
            problem: Words | Code = quote(error)
    else:
        problem = say(Phrase.OTHER_SYSTEM, system=Code(sys.platform))
    tried = try_model(manifest, folder, upload, Here())
    return replace(tried, warning=say(Phrase.NO_SANDBOX, problem=problem))


def tell(checked: Checked) -> str:
    """What was found, one line for each fault and each cost."""
    lines = [f"Warning: {checked.warning}"] if checked.warning else []
    lines += [fault.sentence for fault in checked.faults]
    if checked.count > len(checked.faults):
        lines.append(f"… and {checked.count - len(checked.faults)} more.")
    lines += [f"Warning: as measured on this machine: {doubt.sentence}" for doubt in checked.doubts]
    lines += [f"{name}: {value:,.6g}" for name, value in checked.costs.items()]
    return "\n".join([*lines, "Refused." if checked.faults else "The file is as it must be.", ""])


@dataclass(frozen=True)
class Here:
    """No sandbox at all: runs a guest in this process, up to its first frame."""

    def run(self, run: Run) -> Outcome:
        """Run a guest until it has said what it found."""
        guest = _OpenGuest(dict(run.settings), list(run.files))
        try:
            import_module(f"graders.guests.{run.guest}").main(guest)
        except _Enough:
            pass
        except MemoryError:
            return Outcome(End.MEMORY)
        except Exception as error:  # noqa: BLE001 - whatever a model raises
            return Outcome(End.CRASHED, stderr=str(error).encode())
        for frame in guest.frames:
            if run.reply is not None:
                run.reply(frame)
        return Outcome(End.DONE, guest.frames)

    def close(self) -> None:
        """Nothing was started."""


class _Enough(Exception):
    """A guest has said what it found."""


@dataclass(frozen=True)
class _OpenGuest:
    """What a guest works with, without a lock."""

    settings: dict[str, Any]
    files: list[int]
    frames: list[Frame] = field(default_factory=list)

    def seal(self) -> None:
        """Nothing is closed here."""

    def send(self, note: dict[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None) -> None:
        """Keep the frame, which is the only one that is asked for."""
        self.frames.append(Frame(note, dict(arrays or {})))
        raise _Enough

    def read_file(self, number: int = 0) -> bytes:
        """The whole content of one of the files."""
        with open(self.files[number], "rb", closefd=False) as file:
            file.seek(0)
            return file.read()


def try_model(manifest: Manifest, folder: Path, upload: Upload, sandbox: Mechanism) -> Checked:
    """Open a model by means of a certain mechanism.

    Raises:
        InvalidSubmission: It was stopped, or crashed.
        SandboxFailed: The mechanism does not hold here.
    """
    kind = find_kind(upload, manifest)
    ask = replace(ask_to_try(manifest, upload.name), refuses_slow=False)
    told: list[Tried] = []

    def reply(frame: Frame) -> None:
        told.append(parse_tried(frame, ask.model, is_code=False))

    course = Course(reply, lambda name: (folder / name).read_bytes())
    outcome = run_guest(kind, upload.path, ask, manifest.limits, sandbox, course)
    if not told:
        check_end(outcome, manifest.limits)
    doubts = find_excess(told[0].costs, ask.model.caps)
    return Checked(told[0].faults, told[0].count, told[0].costs, doubts=doubts)


if __name__ == "__main__":
    sys.exit(main())
