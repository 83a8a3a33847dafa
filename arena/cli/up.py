"""`arena up`: everything on this machine, in one terminal, under one supervisor."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from arena import __version__
from arena.cli.client import Refused
from arena.cli.display import say
from arena.cli.installation import DataFolder, Installation, find_installation
from arena.cli.language import _
from arena.cli.preparation import Preparation
from arena.cli.supervisor import TICK_SECONDS, Child, Stopping, Supervisor, last_lines

PYTHON = (sys.executable, "-m")
START_SECONDS = 60.0
HOPELESS = 3
"""A process that ends so often before the site was ready will not come up."""
GRADER_EXTRA_SECONDS = 3.0
"""Beyond the time for the job in hand; what a grader cannot finish is graded after the next start."""
ALL_QUEUES = "grade-cpu,grade-gpu,prepare"
GRADE_QUEUES = "grade-cpu,grade-gpu"


@dataclass
class Plan:
    """What the options of `arena up` ask for."""

    host: str
    port: int
    graders: int
    workers: int

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the site."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::", "") else self.host  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


class Ended(Exception):
    """The end was asked for while starting."""


def up(
    data: DataFolder = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help=_("Port of the site."))] = 8000,
    host: Annotated[str, typer.Option(help=_("Address to listen on; 0.0.0.0 lets the network in."))] = "127.0.0.1",
    graders: Annotated[int, typer.Option(min=0, max=64, help=_("Graders to run."))] = 1,
    workers: Annotated[int, typer.Option(min=1, max=64, help=_("Processes that serve pages."))] = 1,
) -> None:
    """Start everything on this machine: PostgreSQL, Redis, web, scribe and graders. Ctrl-C stops it.

    The first start makes the data folder, loads the challenges, prepares their data and prints the administrator's
    one-time secret. ARENA_DATABASE_URL, ARENA_REDIS_URL and ARENA_STORAGE_URL switch to servers of your own.
    """
    plan = Plan(host, port, graders, workers)
    installation = find_installation(data)
    stopping = Stopping()
    with stopping.listening():
        installation.make()
        with installation.claim(plan.url):
            _check_port(plan)
            supervisor = Supervisor(installation.logs, _tell)
            try:
                _start(installation, plan, supervisor, stopping)
                _watch(installation, supervisor, stopping)
            except Ended:
                pass
            finally:
                _stop(installation, supervisor, stopping)


def _start(installation: Installation, plan: Plan, supervisor: Supervisor, stopping: Stopping) -> None:
    say(f"Arena {__version__} · {installation.folder}", "bold")
    began = time.monotonic()
    installation.start_servers("postgres", "redis")
    environment = installation.web_environment(plan.url)
    told = _migrate(installation, environment, stopping)
    web = [*PYTHON, "arena.cli", "web", "--host", plan.host, "--port", str(plan.port), "--workers", str(plan.workers)]
    child = supervisor.start("web", web, environment)
    for number in range(1, plan.graders + 1):
        # With several graders the first one leaves long preparations to the others.
        queues = GRADE_QUEUES if number == 1 and plan.graders > 1 else ALL_QUEUES
        told_grader = installation.grader_environment(queues)
        grace = installation.settings.stop_seconds + GRADER_EXTRA_SECONDS
        supervisor.start(f"grader-{number}", [*PYTHON, "graders.worker"], told_grader, grace)
    supervisor.start("scribe", [*PYTHON, "arena.cli", "scribe"], environment)
    _await_site(plan, supervisor, child, stopping)
    say(_("Open {url}").format(url=installation.settings.base_url or plan.url), "bold green")
    if told.get("password"):
        say(_("Administrator {name}, one-time password: {password}").format(
            name=told["admin"], password=told["password"]), "bold")  # fmt: skip
        say(_("It is shown only now; you choose your own at the first log-in."), "dim")
    say(_("Started in {seconds} s. Logs are in {folder}. Ctrl-C stops everything.").format(
        seconds=f"{time.monotonic() - began:.1f}", folder=installation.logs), "dim")  # fmt: skip


def _migrate(installation: Installation, environment: dict[str, str], stopping: Stopping) -> dict[str, Any]:
    """Bring the database up to date in a process of its own: this one stays small."""
    command = [*PYTHON, "arena.cli", "migrate", "--sync", "--json"]
    log = installation.logs / "migrate.log"
    with log.open("ab") as output, subprocess.Popen(  # noqa: S603 - our own program
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=output,
        start_new_session=True,
    ) as process:  # fmt: skip
        while process.poll() is None:
            if stopping.asked:
                process.terminate()
                process.wait()
                raise Ended
            time.sleep(TICK_SECONDS / 4)
        said = process.stdout.read() if process.stdout else b""
    if process.returncode:
        sentence = _("The database cannot be brought up to date. The end of {log}:")
        raise Refused(f"{sentence.format(log=log)}\n{last_lines(log)}", "migrate_failed")
    answer: dict[str, Any] = json.loads(said)
    return answer


def _await_site(plan: Plan, supervisor: Supervisor, web: Child, stopping: Stopping) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _is_listening(plan):
        if stopping.asked:
            raise Ended
        if web.failures >= HOPELESS or time.monotonic() > deadline:
            sentence = _("The site does not start. The end of {log}:")
            raise Refused(f"{sentence.format(log=web.log)}\n{last_lines(web.log)}", "start_failed")
        supervisor.tick()
        time.sleep(TICK_SECONDS)


def _watch(installation: Installation, supervisor: Supervisor, stopping: Stopping) -> None:
    """Keep everything running until the end is asked for."""
    with Preparation(installation.database_url, installation.logs) as preparation:
        while not stopping.asked:
            installation.start_servers("postgres", "redis")
            supervisor.tick()
            preparation.tick()
            time.sleep(TICK_SECONDS)


def _stop(installation: Installation, supervisor: Supervisor, stopping: Stopping) -> None:
    """Web first, so that nothing new arrives; then graders, the scribe, Redis and PostgreSQL."""
    if stopping.asked:
        say(_("Stopping …"), "dim")
    supervisor.stop(stopping)
    installation.stop_servers()
    if stopping.asked:
        say(_("Stopped. Nothing is lost; start again with: arena up"), "dim")


def _tell(name: str, what: str) -> None:
    say(_("{name} ended ({what}); it is started again.").format(name=name, what=what), "yellow")


def _check_port(plan: Plan) -> None:
    family = socket.AF_INET6 if ":" in plan.host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((plan.host, plan.port))
    except OSError as error:
        sentence = _("Port {port} of {host} cannot be used: {problem}. Choose another with --port.")
        raise Refused(sentence.format(port=plan.port, host=plan.host, problem=error.strerror), "port_taken") from None


def _is_listening(plan: Plan) -> bool:
    host, port = plan.url.removeprefix("http://").rsplit(":", 1)
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=1):
            return True
    except OSError:
        return False
