"""Downloading a challenge's files: verified, resumed where a connection broke off, fetched again only if changed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.progress import Progress, TaskID

from arena.cli.client import Interrupted, Refused, call, check, connect, persist, sentences, server_url
from arena.cli.display import AsJson, Server, make_progress, print_json, print_table, show_size
from arena.cli.language import _
from arena.cli.marker import write_marker
from arena.cli.reading import Slug, items_of

CHUNK = 1 << 20


def download(
    slug: Slug,
    names: Annotated[list[str] | None, typer.Argument(metavar="[FILE]…", help=_("Only these files."))] = None,
    to: Annotated[Path | None, typer.Option("--to", help=_("Folder to put them in; by default ./SLUG."))] = None,
    server: Server = "",
    as_json: AsJson = False,
) -> None:
    """Download a challenge's files, each checked against its sha256.

    Files that are here already and unchanged are not fetched again; a download that broke off continues.
    """
    folder = to or Path(slug)
    with connect(server) as client, make_progress(hidden=as_json) as progress:
        wanted = _choose(slug, items_of(call(client, "GET", f"challenges/{slug}/files")), names or [])
        folder.mkdir(parents=True, exist_ok=True)
        results = [_fetch(client, slug, file, folder, progress) for file in wanted]
    write_marker(folder, slug, server_url(server))
    if as_json:
        print_json(results)
        return
    words = {"unchanged": _("unchanged"), "resumed": _("resumed"), "downloaded": _("downloaded")}
    rows: list[list[object]] = [[r["path"], show_size(r["size_bytes"]), words[r["outcome"]]] for r in results]
    print_table([_("File"), _("Size"), ""], rows, right=(1,))


def _choose(slug: str, files: list[dict[str, Any]], names: list[str]) -> list[dict[str, Any]]:
    known = {file["name"]: file for file in files}
    for name in names:
        if name not in known:
            sentence = _("{slug} has no file {name}. It has: {known}.")
            raise Refused(sentence.format(slug=slug, name=name, known=", ".join(sorted(known))), "not_found")
    if not names:  # the archive of all files is for browsers
        names = [name for name in known if name != f"{slug}.zip"]
    for name in names:
        if Path(name).name != name or name.startswith("."):
            raise Refused(_("The server offers a file of the unsafe name {name}.").format(name=name))
    return [known[name] for name in names]


def _fetch(client: httpx.Client, slug: str, file: dict[str, Any], folder: Path, progress: Progress) -> dict[str, Any]:
    """Bring one file here; its name appears only when it is whole and right."""
    target, size = folder / file["name"], file["size_bytes"]
    result = {"name": file["name"], "path": str(target), "size_bytes": size, "digest": file["digest"]}
    task = progress.add_task(file["name"], total=size)
    if target.exists() and target.stat().st_size == size and _digest_of(target).hexdigest() == file["digest"]:
        progress.update(task, completed=size)
        return result | {"outcome": "unchanged"}
    # The digest in the name ties the part to one version of the file.
    part = folder / f".{file['name']}.{file['digest'][:16]}.part"
    outcome = "resumed" if part.exists() and part.stat().st_size else "downloaded"
    digest = persist(lambda: _continue(client, f"challenges/{slug}/files/{file['name']}", file, part, progress, task))
    if digest != file["digest"]:
        part.unlink()
        sentence = _("{name} arrived damaged: its sha256 is not the announced one. Download it again.")
        raise Refused(sentence.format(name=file["name"]), "damaged")
    part.replace(target)
    return result | {"outcome": outcome}


def _continue(
    client: httpx.Client, path: str, file: dict[str, Any], part: Path, progress: Progress, task: TaskID
) -> str:
    """Fetch what is missing of a part; return the digest of the whole."""
    have = part.stat().st_size if part.exists() else 0
    if have > file["size_bytes"]:
        part.unlink()
        have = 0
    if have == file["size_bytes"]:
        return str(_digest_of(part).hexdigest())
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": f'"{file["digest"]}"'}
    with sentences(client), client.stream("GET", path, headers=headers) as response:
        check(response)
        if response.status_code != httpx.codes.PARTIAL_CONTENT:  # whole: not resumable, or another version
            part.unlink(missing_ok=True)
        digest = _digest_of(part) if part.exists() else hashlib.sha256()
        progress.update(task, completed=part.stat().st_size if part.exists() else 0)
        with part.open("ab") as output:
            for chunk in response.iter_bytes():
                _write(output, chunk, part)
                digest.update(chunk)
                progress.advance(task, len(chunk))
    if part.stat().st_size < file["size_bytes"]:
        raise Interrupted(_("{name} ended early.").format(name=file["name"]), "broken")
    return str(digest.hexdigest())


def _write(output: Any, chunk: bytes, part: Path) -> None:
    try:
        output.write(chunk)
    except OSError as error:
        raise Refused(_("{path} cannot be written: {problem}").format(path=part, problem=error.strerror)) from None


def _digest_of(path: Path) -> Any:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest
