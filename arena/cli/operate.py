"""Operating an installation: its schema and challenges, real data, and passwords."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from redis.exceptions import RedisError
from rich.prompt import Confirm
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from arena.accounts.service import ensure_admin, reset_password
from arena.catalogue.service import (
    OFFLINE,
    get_challenge,
    list_challenges,
    manifest_of,
    request_dataset,
    send_dataset,
    sync_packages,
)
from arena.cli.client import Refused
from arena.cli.display import AsJson, errors, print_json, print_table, say, show_size
from arena.cli.installation import DataFolder, Installation, use_installation
from arena.cli.language import _
from arena.cli.reading import Slug
from arena.db import migrate as migrate_schema
from arena.errors import ArenaError
from arena.logs import set_up_logs
from arena.queues import Queues
from arena.runtime import open_runtime
from arena.settings import Settings
from challenges.catalogue import find_packages
from challenges.errors import ChallengeError
from challenges.manifest import Manifest

admin = typer.Typer(no_args_is_help=True)


@admin.callback(help=_("Look after accounts."))
def _admin() -> None:
    """Look after accounts."""


def migrate(
    data: DataFolder = None,
    sync: Annotated[bool, typer.Option("--sync", help=_("Load challenges, make the administrator."))] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the database to this version; with --sync, load the challenges and make the first administrator.

    Works on ARENA_DATABASE_URL, or on the embedded server of the data folder.
    """
    with use_installation(data, *(("postgres", "redis") if sync else ("postgres",))) as installation, _refusals():
        migrate_schema(installation.database_url)
        told = _sync(installation) if sync else {}
    if as_json:
        print_json(told)
        return
    say(_("The database is up to date."), "green")
    if told.get("password"):
        say(_("Administrator {name}, one-time password: {password}").format(
            name=told["admin"], password=told["password"]), "bold")  # fmt: skip


def prepare(
    slug: Slug,
    source: Annotated[str, typer.Option(metavar="offline|NAME", help=_("Where the data comes from."))] = OFFLINE,
    accept_licence: Annotated[bool, typer.Option("--accept-licence", help=_("Do not ask."))] = False,
    data: DataFolder = None,
) -> None:
    """Have a challenge's data prepared anew, made here or from a real source.

    A real source is downloaded by a grader, checked by sha256, and used under its licence, which is shown first.
    """
    with use_installation(data, "postgres", "redis") as installation, _runtime(installation) as (session, queues):
        manifest = manifest_of(get_challenge(session, slug))
        if source != OFFLINE:
            _show_source(manifest, source)
            if not accept_licence and not Confirm.ask(_("Do you accept the licence?"), console=errors):
                raise Refused(_("Nothing was downloaded."), "licence_refused")
        dataset = request_dataset(session, queues, slug, source)
        say(_("Asked for {version} of {slug}; a grader prepares it.").format(version=dataset.version, slug=slug))


@admin.command("reset-password", help=_("Give a person a new one-time password, and end their sessions."))
def reset(
    username: Annotated[str, typer.Argument(help=_("Whose."))],
    data: DataFolder = None,
) -> None:
    """Give a person a new one-time password, and end their sessions."""
    with use_installation(data, "postgres", "redis") as installation, _runtime(installation) as (session, _queues):
        password = reset_password(session, username)
    say(_("One-time password of {name}: {password}").format(name=username, password=password), "bold")


def _sync(installation: Installation) -> dict[str, object]:
    """Load the packages, send their preparations, make the administrator."""
    settings = Settings()
    with _runtime(installation) as (session, queues):
        made = sync_packages(session, find_packages(settings.challenges_dir))
        for dataset in made:
            send_dataset(queues, dataset)
        password = ensure_admin(session, settings.admin_username)
        count = len(list_challenges(session))
    asked = [dataset.slug for dataset in made]
    return {"challenges": count, "prepare": asked, "admin": settings.admin_username, "password": password}


@contextmanager
def _runtime(installation: Installation) -> Iterator[tuple[Session, Queues]]:
    """A session and the queues for one command."""
    settings = Settings(database_url=installation.database_url, redis_url=installation.redis_url)
    runtime = open_runtime(settings)
    try:
        with _refusals(), runtime.sessions() as session:
            yield session, runtime.queues
    finally:
        runtime.close()


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what the person did wrong, or servers that do not answer, into sentences; logs go to stderr meanwhile."""
    set_up_logs(Settings().log_format)
    try:
        yield
    except ArenaError as error:
        raise Refused(str(error), error.code, error.status) from None
    except ChallengeError as error:
        raise Refused(str(error), "invalid_package") from None
    except OperationalError as error:
        raise Refused(_("The database does not answer: {problem}").format(problem=error.orig), "unreachable") from None
    except RedisError as error:
        raise Refused(_("Redis does not answer: {problem}").format(problem=error), "unreachable") from None


def _show_source(manifest: Manifest, name: str) -> None:
    source = manifest.sources.get(name)
    if source is None:
        known = ", ".join([OFFLINE, *manifest.sources])
        raise Refused(_("There is no source {name}. Known: {known}.").format(name=name, known=known), "not_found")
    say(_("Licence: {licence}").format(licence=source.licence), "bold")
    say(source.licence_url)
    rows: list[list[object]] = [[file.url, show_size(file.size_bytes)] for file in source.files]
    rows += [[_("and what {file} lists").format(file=source.listed), ""]] if source.listed else []
    print_table([_("File"), _("Size")], rows, right=(1,))
