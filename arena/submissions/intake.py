"""Taking one submission, from the first byte of the request to the row: what the API and the page have in common."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
import unicodedata
from typing import Annotated

from fastapi import Depends, Header, Request
from starlette.concurrency import run_in_threadpool

from arena.clock import Now
from arena.db import new_id
from arena.deps import Db, Person
from arena.errors import Invalid, UploadIncomplete
from arena.storage import Storage, Stored, clean_name
from arena.submissions.models import Submission
from arena.submissions.service import Upload, begin, submit, upload_key
from arena.submissions.uploads import Body, in_pieces
from arena.translations import mark

LONGEST_MESSAGE = 500

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="Any text of your own for this submission: sent again under it, the file counts once.",
    ),
]
Digest = Annotated[
    str | None,
    Header(
        alias="X-Content-SHA256",
        pattern="^[0-9a-fA-F]{64}$",
        description="sha256 of the file; an upload that does not have it is refused.",
    ),
]


class Intake:
    """A dependency of the routes that take submissions."""

    def __init__(
        self, request: Request, db: Db, person: Person, now: Now, key: Key = None, digest: Digest = None
    ) -> None:
        self.request, self.db, self.user = request, db, person.known
        self.person, self.now = person, now
        self.key, self._digest = key, digest
        self._began = time.monotonic()
        self._storage: Storage = request.app.state.storage

    async def take(self, slug: str, body: Body, form_key: str = "") -> tuple[Submission, bool]:
        """Receive a file and make it a submission.

        Args:
            slug: The challenge.
            body: The upload, of which at most the fields before the file have been read.
            form_key: Made with the page of a form: the same file from the same page counts once.

        Returns:
            The submission, and whether it is new.

        Raises:
            ArenaError: Whatever `begin` and `submit` raise, and TooLarge, UploadIncomplete, Invalid.
        """
        check_message(body.message)
        limit_bytes = await run_in_threadpool(begin, self.db, self.user, slug, self.now, self.key)
        body.limit(limit_bytes)
        upload = await self._receive(body, limit_bytes)
        key = f"form:{form_key}:{upload.stored.digest}" if form_key else self.key
        upload = Upload(upload.id, upload.stored, upload.filename, upload.message, key)
        queues = self.request.app.state.queues
        submission = await run_in_threadpool(
            submit, self.db, queues, self._storage, self.user, slug, upload, self.present()
        )
        return submission, submission.id == upload.id

    def present(self) -> dt.datetime:
        """The moment it is by now: an upload may take long."""
        return self.now + dt.timedelta(seconds=time.monotonic() - self._began)

    async def _receive(self, body: Body, limit_bytes: int) -> Upload:
        """Store the upload; if anything about it is wrong, nothing stays."""
        submission_id, filename = new_id(), clean_name(body.filename)
        key = upload_key(submission_id, filename)
        stored = await self._storage.write(key, in_pieces(body.chunks()), limit_bytes)
        try:
            self._check(stored)
            return Upload(submission_id, stored, filename, check_message(body.message))
        except BaseException:
            await asyncio.to_thread(self._storage.delete, key)
            raise

    def _check(self, stored: Stored) -> None:
        if self._digest is not None and self._digest.lower() != stored.digest:
            raise UploadIncomplete


Desk = Annotated[Intake, Depends()]


def check_message(message: str) -> str:
    """The note to a submission on one line, without control characters.

    Raises:
        Invalid: It is too long.
    """
    spaced = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in message)
    plain = " ".join(spaced.encode(errors="replace").decode().split())
    if len(plain) > LONGEST_MESSAGE:
        raise Invalid(field="message", problem=mark("must have at most 500 characters"))
    return plain
