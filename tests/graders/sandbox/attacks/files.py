"""Attacks on files: reading, listing, writing and filling what lies outside."""

from __future__ import annotations

import mmap
import os
import stat
from pathlib import Path

from tests.graders.sandbox.attacks.telling import World, attempt, read_from, tell, write_to


def read_secret(world: World) -> None:
    """01: a file that everybody may read, by every road there is."""
    path, folder = world["secret"], world["folder"]
    attempt("read", read_from, path)
    attempt("dotdot", read_from, f"{folder}/outside/../{Path(path).name}")
    for root in ("/proc/self/root", f"/proc/{os.getppid()}/root", f"/proc/{world['victim']}/root", "/proc/1/root"):
        attempt(root, read_from, root + path)

    def through_folder() -> bytes:
        handle = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        return os.read(os.open(Path(path).name, os.O_RDONLY, dir_fd=handle), 100)

    def through_handle() -> bytes:
        handle = os.open(path, os.O_PATH)
        return read_from(f"/proc/self/fd/{handle}")

    def through_working_folder() -> bytes:
        os.chdir(folder)
        return read_from(Path(path).name)

    def mapped() -> bytes:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:  # noqa: PTH123
            return view[:100]

    def sent() -> bytes:
        read, write = os.pipe()
        os.sendfile(write, os.open(path, os.O_RDONLY), 0, 100)
        return os.read(read, 100)

    for road in (through_folder, through_handle, through_working_folder, mapped, sent):
        attempt(road.__name__, road)


def list_folders(world: World) -> None:
    """02: what lies where."""
    for folder in (world["folder"], "/", "/etc", "/home", "/root", "/tmp", "/var", "/proc", "/dev/shm"):  # noqa: S108
        attempt(f"list {folder}", os.listdir, folder)

    def walk() -> list[str]:
        found = [name for _, _, names in os.walk(world["folder"]) for name in names]
        if not found:
            raise PermissionError(world["folder"])
        return found

    attempt("walk", walk)


def stat_secret(world: World) -> None:
    """03: whether a file exists, how large it is, when it changed; level S2 is known to leak this."""
    for look in (os.stat, os.lstat):
        try:
            tell("LEAKED", look.__name__, look(world["secret"]).st_size)
        except OSError as error:
            tell("BLOCKED", look.__name__, error)


def write_outside(world: World) -> None:
    """06: a new file wherever one could lie, and more text in one that is there."""
    for folder in world["places"]:
        attempt(f"new file in {folder}", write_to, f"{folder}/{world['cookie']}")
    attempt("append", write_to, world["document"], b"appended", "ab")
    attempt("write over", write_to, world["document"], b"over", "r+b")

    def unnamed() -> int:
        return os.open(f"{world['folder']}/outside", os.O_TMPFILE | os.O_RDWR, 0o600)

    attempt("unnamed file", unnamed)
    attempt("own upload", write_to, "/proc/self/fd/6", b"x", "r+b")


def change_outside(world: World) -> None:
    """07: files of others, without opening them for writing."""
    document, place = world["document"], f"{world['folder']}/outside/{world['cookie']}"
    attempt("open and truncate", os.open, document, os.O_RDONLY | os.O_TRUNC)
    attempt("truncate", os.truncate, document, 1)
    attempt("chmod", os.chmod, document, 0o600)
    attempt("utime", os.utime, document, (1, 1))
    attempt("setxattr", os.setxattr, document, "user.suite", b"1")
    attempt("chown", os.chown, document, os.getuid(), os.getgid())
    attempt("link", os.link, document, place + "-link")
    attempt("symlink", os.symlink, document, place + "-symlink")
    attempt("mkdir", os.mkdir, place + "-folder")
    attempt("mkfifo", os.mkfifo, place + "-fifo")
    attempt("rename", os.rename, document, place + "-renamed")
    attempt("unlink", os.unlink, world["spare"])
    attempt("rmdir", os.rmdir, f"{world['folder']}/empty")


def fill_disk(world: World) -> None:
    """24: large, sparse and many files, at most 24 MB in all."""

    def large(place: str) -> str:
        with open(place + "-large", "wb", buffering=0) as file:  # noqa: PTH123
            file.writelines([bytes(1 << 20)] * 24)
        return place

    def many(place: str) -> int:
        for number in range(300):
            write_to(f"{place}-{number}")
        return 300

    def sparse(place: str) -> int:
        with open(place + "-sparse", "wb") as file:  # noqa: PTH123
            return file.truncate(1 << 36)

    for folder in world["places"]:
        attempt(f"sparse file in {folder}", sparse, f"{folder}/{world['cookie']}")
    for fill in (large, many):
        attempt(fill.__name__, fill, f"{world['folder']}/outside/{world['cookie']}")


def link_output(world: World) -> None:
    """27: things that are no plain file, for a grader that would open what it finds."""
    for folder in world["places"]:
        place = f"{folder}/{world['cookie']}"
        attempt("symlink", os.symlink, world["secret"], place + "-symlink")
        attempt("link", os.link, world["document"], place + "-link")
        attempt("fifo", os.mkfifo, place + "-fifo")
        attempt("socket", os.mknod, place + "-socket", 0o600 | stat.S_IFSOCK)


def read_facts(world: World) -> None:
    """40: what the machine tells of itself and of others."""
    facts = ["/etc/hostname", "/etc/passwd", "/etc/resolv.conf", "/etc/machine-id", "/proc/mounts", "/proc/kallsyms"]
    facts += ["/proc/net/tcp", "/proc/net/unix", "/proc/self/net/tcp", "/proc/self/mountinfo", "/proc/self/cgroup"]
    facts += ["/proc/self/environ", "/proc/self/auxv", "/proc/1/cmdline", "/proc/version", "/proc/cmdline"]
    facts += ["/proc/sys/kernel/random/boot_id", "/proc/keys", "/sys/class/net/lo/address", "/proc/sysvipc/shm"]
    facts += [f"/proc/{world['victim']}/cmdline", f"/proc/{world['victim']}/status", f"/proc/{os.getppid()}/cmdline"]
    for path in facts:
        attempt(path, read_from, path)

    def listening() -> str:
        text = read_from("/proc/net/tcp", 1 << 20).decode()
        return next(line for line in text.splitlines() if f":{world['tcp']:04X}" in line)

    attempt("who listens", listening)
