"""Opens TorchScript in the sandbox: a program, whose own words are not passed on."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import torch

from challenges.errors import InvalidSubmission, Reason
from challenges.phrases import Phrase, say
from challenges.records import parse_record
from graders.guests.torch_device import count_macs, make_compute, set_up, told_lack
from graders.models.archive import open_archive
from graders.models.asking import Ask
from graders.models.formats import TORCHSCRIPT, ZIP_MAGIC, name_archive, name_format, refuse_format
from graders.models.serving import Opened, check_caps, serve

if TYPE_CHECKING:
    import zipfile

    from graders.sandbox.guest import Guest

_FLOAT_BYTES = 4


def main(guest: Guest) -> None:
    """Open the upload, try it, and compute what the grader sends."""
    ask = parse_record(Ask, guest.settings)
    gpu_bytes = set_up(ask)
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
        module = _load(content, ask)
        costs = _weigh(module, archive)
        check_caps(costs, ask)
        compute = make_compute(module, ask)
        return Opened(compute, costs, lambda row: count_macs(compute, row))

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
    """Everything in the archive but notes for the debugger may hold weights."""
    entries = {entry.filename.partition("/")[2]: entry.file_size for entry in archive.infolist()}
    constants = sum(size for name, size in entries.items() if name.startswith("constants/"))
    trained = sum(tensor.numel() for tensor in (*module.parameters(), *module.buffers()))
    total = sum(size for name, size in entries.items() if not name.endswith(".debug_pkl"))
    return {"parameters": float(trained + constants // _FLOAT_BYTES), "weight_bytes": float(total)}
