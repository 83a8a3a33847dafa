"""Serves a participant's app in the sandbox: connections come on one socket that was bound outside.

The app is `app` of the module that the settings name, from the lent folder: an ASGI callable, or a WSGI one.
"""

from __future__ import annotations

import importlib
import inspect
import os
import socket
import sys
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graders.sandbox.guest import Guest

FOLDER, MODULE, ENVIRONMENT = "folder", "module", "environment"
"""The settings: where the app's files lie, its module, and what is added to its environment."""
WSGI_THREADS = 8
TRACEBACK_CHARACTERS = 16_384
"""The end of a traceback that is told."""


def main(guest: Guest) -> None:
    """Serve until this process is ended.

    Raises:
        SystemExit: The app cannot be imported, or the server has ended.
    """
    folder = str(guest.settings[FOLDER])
    sys.path.insert(0, folder)
    os.chdir(folder)
    os.environ.update(guest.settings[ENVIRONMENT])
    guest.seal()
    listening = socket.socket(fileno=guest.files[0])
    try:
        serve(load_app(str(guest.settings[MODULE])), listening)
    except MemoryError:
        raise  # told apart by the guest's exit code
    except Exception as error:  # noqa: BLE001 - whatever a participant's app raises ends here
        lines = traceback.format_exception(error)
        sys.stderr.write("".join(lines)[-TRACEBACK_CHARACTERS:])
        sys.exit(1)


def load_app(module: str) -> Any:
    """The app, as an ASGI callable.

    Raises:
        AttributeError: The module has no `app`.
        TypeError: It cannot be called.
    """
    app = getattr(importlib.import_module(module), "app", None)
    if app is None:
        raise AttributeError(f"{module}.py has no `app`")
    if not callable(app):
        raise TypeError(f"`app` of {module}.py is no ASGI or WSGI callable")
    if inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(getattr(app, "__call__", None)):  # noqa: B004
        return app
    from a2wsgi import WSGIMiddleware  # noqa: PLC0415 - an ASGI app needs none

    return WSGIMiddleware(app, workers=WSGI_THREADS)


def serve(app: Any, listening: socket.socket) -> None:
    """Accept connections and answer them."""
    import uvicorn  # noqa: PLC0415 - only here

    config = uvicorn.Config(app, loop="asyncio", http="h11", ws="none", log_level="error", access_log=False)
    uvicorn.Server(config).run(sockets=[listening])
