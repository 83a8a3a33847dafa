"""Logging in and out, and who is logged in."""

from __future__ import annotations

import platform
import sys
from typing import Annotated

import typer
from rich.prompt import Prompt

from arena.cli.client import Login, Refused, call, connect, find_login, login_path, server_url, store_login
from arena.cli.display import AsJson, Server, errors, print_json, say
from arena.cli.language import _

SHORTEST_PREFIX = 10
"""Fewer characters than `arena_` and four of its own do not tell one token from another."""


def login(
    server: Server = "",
    username: Annotated[str, typer.Option(help=_("Your name on the server; asked for when absent."))] = "",
    as_json: AsJson = False,
) -> None:
    """Log in to a server and keep a token for the other commands.

    The password is asked for, or read from standard input when that is no terminal:
    `arena login --server http://arena.example --username ada < password.txt`
    """
    if not username and not sys.stdin.isatty():
        raise Refused(_("Give --username when the password comes from standard input."))
    name = username or Prompt.ask(_("User name"), console=errors)
    password = Prompt.ask(_("Password"), password=True, console=errors) if sys.stdin.isatty() else sys.stdin.readline()
    body = {"username": name, "password": password.rstrip("\r\n"), "token_name": f"arena on {platform.node()}"}
    url = server_url(server)
    with connect(url, token="") as client:
        answer = call(client, "POST", "login", json=body)
    path = store_login(Login(url, name, answer["token"], answer.get("expires_at")))
    if as_json:
        print_json({"server": url, "username": name, "expires_at": answer.get("expires_at")})
    else:
        say(_("Logged in to {server} as {username}. The token is kept in {path}.").format(
            server=url, username=name, path=path))  # fmt: skip


def logout(as_json: AsJson = False) -> None:
    """Forget the stored token, and tell the server that it no longer holds."""
    stored = find_login()
    if stored is not None:
        try:
            _revoke(stored)
        except Refused as refusal:
            say(_("The server could not be told: {problem}").format(problem=refusal), "yellow")
    login_path().unlink(missing_ok=True)
    if as_json:
        print_json({"logged_out": stored is not None})
    else:
        say(_("Logged out.") if stored else _("Nobody was logged in."))


def whoami(server: Server = "", as_json: AsJson = False) -> None:
    """Say who is logged in, and where."""
    with connect(server) as client:
        person = call(client, "GET", "me")
    if as_json:
        print_json(person)
    else:
        say(_("{username} at {server}").format(username=person["username"], server=server_url(server)))


def _revoke(stored: Login) -> None:
    with connect(stored.server, token=stored.token) as client:
        tokens = call(client, "GET", "tokens")
        for token in tokens["items"] if isinstance(tokens, dict) else tokens:
            prefix = str(token.get("prefix") or "")
            if len(prefix) >= SHORTEST_PREFIX and stored.token.startswith(prefix):
                call(client, "DELETE", f"tokens/{token['id']}")
