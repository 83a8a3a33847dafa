"""The Vega that draws charts in the browser: the bundle inside `vl-convert`, unpacked once per version into a file."""

from __future__ import annotations

import gzip
import importlib.metadata
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse
from platformdirs import user_cache_path

VERSION = importlib.metadata.version("vl-convert-python")
ADDRESS = f"/static/vega.js?v={VERSION}"
_PROGRAM = "import sys, vl_convert; sys.stdout.buffer.write(vl_convert.javascript_bundle().encode())"

router = APIRouter(include_in_schema=False)


@router.get("/static/vega.js")
def send_vega(request: Request) -> FileResponse:
    """Vega, Vega-Lite and Vega-Embed as one script, compressed where the browser takes it."""
    plain = bundle(user_cache_path("arena"))
    headers = {"Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return FileResponse(plain.with_suffix(".js.gz"), media_type="text/javascript", headers=headers)
    return FileResponse(plain, media_type="text/javascript", headers=headers)


@lru_cache
def bundle(folder: Path) -> Path:
    """The script as a file in `folder` (a temporary one where that cannot be written), beside its `.gz`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _unpack(folder)
    except OSError:
        return _unpack(Path(_fallback().name))


@lru_cache
def _fallback() -> tempfile.TemporaryDirectory[str]:
    """A folder that goes when the process does."""
    return tempfile.TemporaryDirectory(prefix="arena-vega-", ignore_cleanup_errors=True)


def _unpack(folder: Path) -> Path:
    plain = folder / f"vega-{VERSION}.js"
    packed = plain.with_suffix(".js.gz")
    if not (plain.exists() and packed.exists()):
        # In a process of its own: packing needs 150 MB that this one would keep.
        script = subprocess.run([sys.executable, "-c", _PROGRAM], check=True, capture_output=True).stdout  # noqa: S603
        for path, content in ((packed, gzip.compress(script, mtime=0)), (plain, script)):
            with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
                file.write(content)
            Path(file.name).chmod(0o644)
            Path(file.name).replace(path)
    return plain
