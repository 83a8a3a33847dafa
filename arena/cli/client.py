"""Talking to a server's REST API: who we are, what it answered, and its refusals as sentences."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from arena import __version__
from arena.cli.language import _, language_tag
from arena.cli.settings import ClientSettings

DEFAULT_SERVER = "http://127.0.0.1:8000"
RETRIES = 5
PATIENCE = httpx.Timeout(30.0, connect=10.0)
UNAVAILABLE = frozenset({502, 503, 504})
Answer = TypeVar("Answer")


class Refused(Exception):
    """The server, or this program, says no; the message is a sentence for the person.

    Args:
        sentence: What is wrong and what to do.
        code: Stable code of the problem, as the API gives it.
        status: HTTP status, 0 when no answer came.
    """

    def __init__(self, sentence: str, code: str = "client", status: int = 0) -> None:
        self.code = code
        self.status = status
        super().__init__(sentence)


class Interrupted(Refused):
    """The connection broke or the server is restarting; asking again may help."""


@dataclass(frozen=True)
class Login:
    """What `arena login` stores."""

    server: str
    username: str
    token: str
    expires_at: str | None = None


def login_path() -> Path:
    """The file that holds the token; only its owner can read it."""
    return ClientSettings().config_dir / "login.json"


def find_login() -> Login | None:
    """The stored login, or None."""
    try:
        return Login(**json.loads(login_path().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def store_login(login: Login) -> Path:
    """Write the token where only its owner can read it."""
    path = login_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text(json.dumps(asdict(login)), encoding="utf-8")
    new.replace(path)
    return path


def server_url(given: str = "") -> str:
    """The server to talk to: `--server`, ARENA_SERVER, the last login's, or this machine's."""
    login = find_login()
    url = given or ClientSettings().server or (login.server if login else DEFAULT_SERVER)
    return url.rstrip("/") if "://" in url else f"http://{url}".rstrip("/")


def connect(server: str = "", *, token: str | None = None) -> httpx.Client:
    """A client of the API; close it, or use it in `with`.

    Args:
        server: Its URL; empty: as `server_url` finds it.
        token: Overrides the stored one, which only ever goes to the server it came from.
    """
    url, login, settings = server_url(server), find_login(), ClientSettings()
    if token is None:
        token = settings.token or (login.token if login and login.server == url else "")
    headers = {"User-Agent": f"arena/{__version__}", "Accept-Language": language_tag()}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        return httpx.Client(base_url=f"{url}/api/v1/", headers=headers, timeout=PATIENCE, follow_redirects=False)
    except httpx.InvalidURL:
        raise Refused(_("{url} is not the address of a server.").format(url=url)) from None


@contextmanager
def sentences(client: httpx.Client) -> Iterator[None]:
    """Turn failures of the network into sentences."""
    server = str(client.base_url).removesuffix("/api/v1/")
    try:
        yield
    except (httpx.ConnectError, httpx.UnsupportedProtocol):
        sentence = _("No Arena answers at {server}. Is it running? Name another with --server URL.")
        raise Interrupted(sentence.format(server=server), "unreachable") from None
    except httpx.TimeoutException:
        raise Interrupted(_("{server} did not answer in time.").format(server=server), "timeout") from None
    except httpx.TransportError:
        raise Interrupted(_("The connection to {server} broke.").format(server=server), "broken") from None


def check(response: httpx.Response) -> httpx.Response:
    """The response, or its problem as an exception."""
    if response.is_success:
        return response
    problem = _problem(response)
    sentence = str(problem.get("detail") or problem.get("title") or "").strip()
    if not sentence:
        sentence = _("The server answered {status}.").format(status=response.status_code)
    if response.status_code == httpx.codes.UNAUTHORIZED:
        sentence += " " + _("(On the command line: arena login)")
    kind = Interrupted if response.status_code in UNAVAILABLE else Refused
    raise kind(sentence, str(problem.get("code", "http")), response.status_code)


def call(client: httpx.Client, method: str, path: str, **options: Any) -> Any:
    """Send one request and return its JSON; a GET is tried again when the connection breaks."""

    def once() -> Any:
        with sentences(client):
            response = check(client.request(method, path, **options))
        try:
            return response.json() if response.content else None
        except ValueError:
            server = str(client.base_url).removesuffix("/api/v1/")
            raise Refused(_("{server} does not speak Arena's language.").format(server=server), "foreign") from None

    return persist(once, 2 if method == "GET" else 1)


def persist(action: Callable[[], Answer], attempts: int = RETRIES) -> Answer:
    """Do it; after an interruption wait a little longer each time and do it again."""
    for attempt in range(1, attempts):
        try:
            return action()
        except Interrupted:
            time.sleep(min(0.5 * 2**attempt, 8.0))
    return action()


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        response.read()
        problem = response.json()
    except (ValueError, httpx.HTTPError):
        return {}
    return problem if isinstance(problem, dict) else {}
