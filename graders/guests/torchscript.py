"""Opens TorchScript in the sandbox: a program, whose own words are not passed on."""

from __future__ import annotations

import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Any

import torch
from numpy.random import default_rng

from challenges.errors import InvalidSubmission, Reason
from challenges.phrases import Phrase, say
from challenges.records import parse_record
from graders.guests.torch_device import count_macs, make_compute, reseed, set_up, told_lack
from graders.models.archive import open_archive, read_entry
from graders.models.asking import Ask
from graders.models.formats import TORCHSCRIPT, ZIP_MAGIC, name_archive, name_format, refuse_format
from graders.models.serving import Opened, check_caps, serve

if TYPE_CHECKING:
    import zipfile

    from numpy.typing import NDArray

    from graders.models.asking import Compute
    from graders.sandbox.guest import Guest

_FLOAT_BYTES = 4
_TEXT_BYTES = 8192
"""What code and pickles may say, packed, before it counts as weights."""


def main(guest: Guest) -> None:
    """Open the upload, try it, and compute what the grader sends."""
    ask = parse_record(Ask, guest.settings)
    gpu_bytes = set_up(ask)
    seeds = default_rng(ask.seed)
    guest.seal()

    def open_model(ask: Ask) -> Opened:
        content = guest.read_file()
        if not content:
            raise InvalidSubmission.because(Reason.EMPTY_FILE)
        if not content.startswith(ZIP_MAGIC):
            refuse_format(name_format(content[:4096], ask.filename), ask.takes)
        archive = open_archive(content, ask.expanded_bytes)
        found = name_archive(archive.namelist())
        if found != TORCHSCRIPT:
            refuse_format(found, ask.takes)
        costs = _weigh(_load(content, ask), archive)
        check_caps(costs, ask)

        def load() -> Compute:
            # a program may keep what it has seen, in its attributes or in the state of the random numbers
            reseed(ask, int(seeds.integers(1 << 62)))
            return make_compute(_load(content, ask), ask)

        def count(rows: list[list[NDArray[Any]]]) -> float:
            return max(count_macs(load(), row, is_capped=bool(ask.model.caps.macs)) for row in rows)

        return Opened(load, costs, count)

    serve(guest, ask, open_model, gpu_bytes)


def _load(content: bytes, ask: Ask) -> Any:
    try:
        with told_lack(ask.device):
            module = torch.jit.load(BytesIO(content), map_location=ask.device)  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError, TypeError) as error:
        problem = say(Phrase.NOT_LOADED)
        raise InvalidSubmission.because(Reason.MALFORMED, expected=TORCHSCRIPT, problem=problem) from error
    module.eval()
    return module


def _weigh(module: Any, archive: zipfile.ZipFile) -> dict[str, float]:
    """Everything in the archive but notes for the debugger may hold weights.

    Trained numbers are those of parameters and buffers; then what else lies among the stored tensors and constants,
    four bytes a number; and what code and pickles say beyond what programs need.
    """
    entries = {entry.filename.partition("/")[2]: entry for entry in archive.infolist()}
    is_read = {name: not (name.startswith("code/") and name.endswith(".debug_pkl")) for name in entries}
    total = sum(entry.file_size for name, entry in entries.items() if is_read[name])
    tensors = [name for name in entries if name.startswith(("data/", "constants/"))]
    stored = sum(entries[name].file_size for name in tensors)
    text = b"".join(read_entry(archive, entries[n].filename) for n in entries if is_read[n] and n not in tensors)
    said = max(len(zlib.compress(text, 1)) - _TEXT_BYTES, 0)
    trained, held = _count_trained(module)
    hidden = max(stored - held, 0) + said
    return {"parameters": float(trained + hidden // _FLOAT_BYTES), "weight_bytes": float(total)}


def _count_trained(module: Any) -> tuple[int, int]:
    """Elements of parameters and buffers, and how many bytes of stored tensors they are."""
    trained, sizes = 0, dict[int, tuple[int, int]]()
    for tensor in (*module.parameters(), *module.buffers()):
        trained += tensor.numel()
        try:
            storage = tensor.untyped_storage()
        except (RuntimeError, NotImplementedError):  # of a form that has none, a sparse one
            continue
        _, seen = sizes.get(storage.data_ptr(), (0, 0))
        sizes[storage.data_ptr()] = storage.nbytes(), seen + tensor.numel() * tensor.element_size()
    return trained, sum(min(pair) for pair in sizes.values())
