"""Attacks by sockets: out to the network, and to programs of this machine."""

from __future__ import annotations

import array
import asyncio
import fcntl
import os
import socket
import struct
from collections.abc import Callable

from tests.graders.sandbox.attacks.telling import World, attempt, system, tell

HELLO = b"hello from inside"


def connect_tcp(world: World) -> None:
    """08: to a port of this machine."""

    def connect(family: int, address: tuple[object, ...]) -> str:
        with socket.socket(family, socket.SOCK_STREAM) as client:
            client.settimeout(1)
            client.connect(address)
            client.sendall(HELLO)
            return "connected"

    async def open_connection() -> str:
        _, writer = await asyncio.open_connection("127.0.0.1", world["tcp"])
        writer.close()
        return "connected"

    def listen() -> int:
        with socket.create_server(("127.0.0.1", 0)) as server:
            return int(server.getsockname()[1])

    attempt("IPv4", connect, socket.AF_INET, ("127.0.0.1", world["tcp"]))
    attempt("IPv6", connect, socket.AF_INET6, ("::1", world["tcp"]))
    attempt("asyncio", lambda: asyncio.run(open_connection()))
    attempt("listen", listen)
    attempt("raw call", system, "socket", socket.AF_INET, socket.SOCK_STREAM, 0)


def send_udp(world: World) -> None:
    """09: a datagram needs no connection."""

    def send(how: str) -> int:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            address = ("127.0.0.1", world["udp"])
            return client.sendto(HELLO, address) if how == "sendto" else client.sendmsg([HELLO], [], 0, address)

    attempt("sendto", send, "sendto")
    attempt("sendmsg", send, "sendmsg")


def _connect_unix(kind: int, address: str) -> str:
    with socket.socket(socket.AF_UNIX, kind) as client:
        client.settimeout(1)
        client.connect(address)
        client.sendall(HELLO)
        return "connected"


def connect_unix_path(world: World) -> None:
    """10: a socket in the file system, such as a database's."""
    attempt("stream", _connect_unix, socket.SOCK_STREAM, world["unix_stream"])
    attempt("datagram", _connect_unix, socket.SOCK_DGRAM, world["unix_datagram"])


def connect_unix_abstract(world: World) -> None:
    """11: a socket without a file."""
    attempt("stream", _connect_unix, socket.SOCK_STREAM, "\0" + world["abstract_stream"])
    attempt("datagram", _connect_unix, socket.SOCK_DGRAM, "\0" + world["abstract_datagram"])


def send_by_socketpair(world: World) -> None:
    """12: a pair of datagram sockets is allowed to send to others."""

    def send(kind: int, address: str) -> int:
        left, right = socket.socketpair(socket.AF_UNIX, kind)
        with left, right:
            return left.sendto(HELLO, address)

    for address in (world["unix_datagram"], "\0" + world["abstract_datagram"]):
        attempt("datagram pair", send, socket.SOCK_DGRAM, address)

    def reconnect() -> int:
        left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with left, right:
            left.connect(world["unix_datagram"])
            return left.send(HELLO)

    attempt("reconnected pair", reconnect)


def set_redis(world: World) -> None:
    """13: the queue of the graders."""
    command = f"SET {world['cookie']} pwned\r\n".encode()

    def ask(family: int, address: object) -> bytes:
        with socket.socket(family, socket.SOCK_STREAM) as client:
            client.settimeout(1)
            client.connect(address)  # type: ignore[arg-type]
            client.sendall(command)
            return client.recv(100)

    attempt("port", ask, socket.AF_INET, ("127.0.0.1", world["redis_port"]))
    attempt("socket", ask, socket.AF_UNIX, world["redis_socket"])


def make_sockets(_: World) -> None:
    """14: every family of addresses, every kind of socket."""
    for family in range(46):
        made, refusals = [], set()
        for kind in (1, 2, 3, 5):
            try:
                socket.socket(family, kind).close()
                made.append(kind)
            except OSError as error:
                refusals.add(error.errno or 0)
        # a family that this kernel lacks says so with another number than one that is refused
        tell("PWNED" if made or refusals - {1, 13, 38} else "BLOCKED", f"family {family}", made or sorted(refusals))


def _ask_interface(left: socket.socket) -> bytes:
    """Addresses of this machine, which any socket can ask for."""
    room = array.array("B", bytes(1024))
    wanted = struct.pack("iL", 1024, room.buffer_info()[0])
    return fcntl.ioctl(left, 0x8912, wanted)  # SIOCGIFCONF


def misuse_socketpair(world: World) -> None:
    """50: what a permitted pair of sockets could be turned into."""
    left, right = socket.socketpair()
    left.sendall(HELLO)
    if right.recv(100) != HELLO:
        tell("BROKEN", "a pair of stream sockets must work: asyncio needs it")

    def pass_descriptor() -> int:
        return socket.send_fds(left, [b"x"], [1])

    def bind_it() -> str:
        fresh = socket.socketpair()[0]
        fresh.bind(f"\0{world['cookie']}")
        fresh.listen(1)
        return "bound"

    def reach_out() -> int:
        return socket.socketpair()[0].sendto(HELLO, world["unix_stream"])

    def take_signals() -> int:
        fcntl.fcntl(left, fcntl.F_SETOWN, os.getppid())
        return fcntl.fcntl(left, fcntl.F_GETOWN)

    def many_at_once() -> int:
        return system("sendmmsg", left.fileno(), None, 0, 0)

    roads: list[tuple[str, Callable[[], object]]] = [
        ("pass a descriptor", pass_descriptor),
        ("bind", bind_it),
        ("send to an address", reach_out),
        ("take signals", take_signals),
        ("ask interfaces", lambda: _ask_interface(left)),
        ("sendmmsg", many_at_once),
    ]
    for what, road in roads:
        attempt(what, road)
