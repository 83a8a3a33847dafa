"""What happens to a submission when a process dies or Redis forgets: it is graded all the same, once."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.installation import Installation
from tests.system.test_whole_way import download, make_predictions, register, wait_until_final

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("installation")]


def processes(installation: Installation, *words: str) -> list[int]:
    """Ids of the site's processes whose command line holds all `words`."""
    found = []
    assert installation.process is not None
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            environment = (folder / "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if all(w in line for w in words) and str(installation.data) in environment + line:
            found.append(int(folder.name))
    return found


def test_killing_a_grader_loses_nothing_and_scores_once(installation: Installation, tmp_path: Path):
    with register(installation, "survivor") as client:
        download(client, "iris", tmp_path)
        content = make_predictions("iris", tmp_path).read_bytes()
        ids = []
        for number in range(4):
            ids.append(client.put(f"/challenges/iris/submissions/{number}.csv", content=content).json()["id"])
            for pid in processes(installation, "graders.worker", "--child"):
                os.kill(pid, signal.SIGKILL)
        finals = [wait_until_final(client, i, 90) for i in ids]
        assert {f["status"] for f in finals} == {"scored"}
        assert client.get("/challenges/iris/leaderboard/me").json()["submissions"] == len(ids)


def test_an_emptied_redis_loses_no_submission(installation: Installation, tmp_path: Path):
    with register(installation, "amnesia") as client:
        download(client, "iris", tmp_path)
        content = make_predictions("iris", tmp_path).read_bytes()
        supervisors = processes(installation, "graders.worker")
        for pid in supervisors:
            os.kill(pid, signal.SIGSTOP)
        try:
            ids = [client.put(f"/challenges/iris/submissions/{n}.csv", content=content).json()["id"] for n in range(3)]
            flush_redis(installation)
        finally:
            for pid in supervisors:
                os.kill(pid, signal.SIGCONT)
        assert {wait_until_final(client, i, 90)["status"] for i in ids} == {"scored"}


def flush_redis(installation: Installation) -> None:
    import redis  # noqa: PLC0415 - the only test that speaks to the site's Redis itself

    for pid in processes(installation, "graders.worker"):
        environment = Path(f"/proc/{pid}/environ").read_bytes().decode()
        urls = [v.removeprefix("ARENA_REDIS_URL=") for v in environment.split("\0") if v.startswith("ARENA_REDIS_URL=")]
        if urls:
            with redis.Redis.from_url(urls[0]) as connection:
                connection.flushall()
            return
    pytest.fail("no grader is running")


def test_each_process_sees_only_what_its_row_of_the_table_permits(installation: Installation):
    for words, forbidden in (
        ((" web",), "ARENA_VAULT_URL"),
        ((" scribe",), "ARENA_VAULT_URL"),
        (("graders.worker",), "ARENA_DATABASE_URL"),
    ):
        found = processes(installation, *words)
        deadline = time.monotonic() + 10
        while not found and time.monotonic() < deadline:
            time.sleep(0.2)
            found = processes(installation, *words)
        assert found, words
        for pid in found:
            assert forbidden not in Path(f"/proc/{pid}/environ").read_text(errors="replace")
