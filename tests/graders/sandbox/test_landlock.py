"""Landlock: what was not given back cannot be opened, whatever its version."""

from __future__ import annotations

from pathlib import Path

import pytest

from graders.sandbox import landlock
from tests.graders.sandbox.locked import run_locked, run_told

KERNEL = landlock.find_abi()
ABIS = [1, 2, 3, 4, 5, 6, 99]
RESTRICT = """
from graders.sandbox.privileges import keep_privileges_down
keep_privileges_down()
"""

pytestmark = pytest.mark.skipif(KERNEL < 1, reason="this kernel has no Landlock")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file to keep and one to lose."""
    tmp_path.chmod(0o755)
    (tmp_path / "open").mkdir()
    for name in ("open/kept", "lost"):
        (tmp_path / name).write_text("content", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("abi", ABIS)
def test_only_what_is_listed_can_be_read(abi: int, folder: Path):
    if abi > KERNEL and abi != ABIS[-1]:
        pytest.skip(f"this kernel's Landlock is version {KERNEL}")
    told = run_told(f"""{RESTRICT}
abi = landlock.restrict([("{folder}/open", landlock.READ), ("{folder}/missing", landlock.READ)], {abi})
tell(abi=abi, kept=opened("{folder}/open/kept"), lost=opened("{folder}/lost"), missing=opened("{folder}/missing"))
tell(folder=opened("{folder}"), inner=opened("{folder}/open"), root=opened("/"))
tell(write=opened("{folder}/open/kept", os.O_WRONLY), made=opened("{folder}/open/new", os.O_WRONLY | os.O_CREAT))
tell(removed=said(os.unlink, "{folder}/open/kept"), moved=said(os.rename, "{folder}/lost", "{folder}/open/lost"))
""")
    assert told.pop("abi") == min(abi, KERNEL)
    assert told.pop("kept") == told.pop("inner") == "ok"
    assert told.pop("missing") == "ENOENT"
    assert told.pop("moved") in ("EACCES", "EXDEV")
    assert set(told.values()) == {"EACCES"}
    assert sorted(path.name for path in folder.rglob("*")) == ["kept", "lost", "open"]


def test_a_list_of_nothing_that_exists_still_denies_everything(folder: Path):
    told = run_told(f"""{RESTRICT}
landlock.restrict([("{folder}/missing", landlock.READ)])
tell(lost=opened("{folder}/lost"), root=opened("/"))
""")
    assert told == {"lost": "EACCES", "root": "EACCES"}


def test_a_folder_can_be_listed_without_its_files(folder: Path):
    told = run_told(f"""{RESTRICT}
landlock.restrict([("{folder}", landlock.LIST), ("{folder}/lost", landlock.READ)])
tell(listed=sorted(os.listdir("{folder}")), kept=opened("{folder}/open/kept"), lost=opened("{folder}/lost"))
""")
    assert told == {"listed": ["lost", "open"], "kept": "EACCES", "lost": "ok"}


@pytest.mark.skipif(KERNEL < 4, reason="Landlock knows the network from version 4 on")
def test_the_network_is_denied_as_well():
    told = run_told(f"""{RESTRICT}
link = socket.socket()
tell(before=said(link.bind, ("127.0.0.1", 0)))
landlock.restrict([])
tell(bind=said(socket.socket().bind, ("127.0.0.1", 0)), connect=said(socket.socket().connect, ("127.0.0.1", 9)))
""")
    assert told == {"before": "ok", "bind": "EACCES", "connect": "EACCES"}


@pytest.mark.skipif(KERNEL < 6, reason="Landlock knows signals from version 6 on")
def test_other_processes_cannot_be_signalled():
    told = run_told(f"""{RESTRICT}
tell(before=said(os.kill, os.getppid(), 0))
landlock.restrict([])
tell(parent=said(os.kill, os.getppid(), 0), own=said(os.kill, os.getpid(), 0))
""")
    assert told == {"before": "ok", "parent": "EPERM", "own": "ok"}


def test_no_version_at_all_is_an_error():
    told = run_told("""
try:
    landlock.restrict([], 0)
except landlock.NoLandlock as error:
    tell(error=str(error), root=opened("/"))
""")
    assert "Landlock" in told["error"]
    assert told["root"] == "ok"


@pytest.mark.parametrize(("abi", "is_locked"), [(1, False), (3, False), (1, True), (99, True)])
def test_a_file_for_reading_is_not_emptied(*, abi: int, is_locked: bool, folder: Path):
    """The first two versions do not know that right: the filter of calls stands in for it."""
    if abi > KERNEL and not is_locked:
        pytest.skip(f"this kernel's Landlock is version {KERNEL}")
    emptying = f'tell(emptied=opened("{folder}/open/kept", os.O_RDONLY | os.O_TRUNC))'
    if is_locked:
        told = run_locked(emptying, landlock_abi=abi, readable=(str(folder / "open"),))
    else:
        told = run_told(f'{RESTRICT}\nlandlock.restrict([("{folder}/open", landlock.READ)], {abi})\n{emptying}')
    is_kept = is_locked or abi > 1
    assert told == {"emptied": "EACCES" if is_kept else "ok"}
    assert (folder / "open" / "kept").read_text(encoding="utf-8") == ("content" if is_kept else "")


@pytest.mark.parametrize("abi", [1, 3, 99])
def test_the_lock_holds_with_every_version(abi: int, folder: Path):
    told = run_locked(
        f"""
tell(abi=FACTS["landlock"], library=opened(os.__file__), kept=opened("{folder}/open/kept"))
tell(lost=opened("{folder}/lost"), passwd=opened("/etc/passwd"), written=opened("{folder}/open/kept", os.O_RDWR))
tell(made=said(os.mkdir, "{folder}/open/new"), removed=said(os.unlink, "{folder}/open/kept"))
tell(cut=said(os.truncate, "{folder}/open/kept", 0), null=opened(os.devnull, os.O_WRONLY))
""",
        landlock_abi=abi,
        readable=(str(folder / "open"),),
    )
    assert told.pop("abi") == min(abi, KERNEL)
    assert told.pop("library") == told.pop("kept") == "ok"
    assert {told.pop(name) for name in ("made", "removed", "cut")} == {"EROFS"}
    assert set(told.values()) == {"EACCES"}


def test_a_device_can_be_written_to_and_asked():
    told = run_told(f"""{RESTRICT}
import fcntl
landlock.restrict([(os.devnull, landlock.DEVICE), ("/dev/zero", landlock.READ)])
tell(null=opened(os.devnull, os.O_RDWR), zero=opened("/dev/zero", os.O_RDWR), other=opened("/dev/full"))
ask = lambda path: said(fcntl.ioctl, os.open(path, os.O_RDONLY), 0x5401)
tell(asked=ask(os.devnull), closed=ask("/dev/zero"))
""")
    assert told.pop("closed") == ("EACCES" if KERNEL >= 5 else "ENOTTY")
    assert told == {"null": "ok", "zero": "EACCES", "other": "EACCES", "asked": "ENOTTY"}
