"""What attacks alone do not show: who is killed with whom, old kernels, threads before the lock, and honest work."""

from __future__ import annotations

import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from graders.sandbox import Bounds, End, Mechanism
from graders.sandbox.forkserver import ForkServer
from graders.sandbox.fresh import Fresh
from tests.eventually import eventually
from tests.graders.sandbox.cases import CASES, Case, complaints
from tests.graders.sandbox.conformance import SLEEP, run
from tests.graders.sandbox.mechanisms import SETUPS, Setup, why_not
from tests.graders.sandbox.remnants import Remnants
from tests.graders.sandbox.seen import run_program, see_within
from tests.graders.sandbox.targets import World

ROOT = Path(__file__).resolve().parents[3]
ON_FILES = [case for case in CASES if case.number in {1, 2, 6, 7, 11, 24, 27, 29, 30, 38, 39}]
"""Attacks that newer versions of Landlock hinder and older ones do not."""
WORK = """
import io
import numpy as np, onnxruntime, torch
from onnx import TensorProto, helper
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from torch import nn

torch.manual_seed(0)
x = torch.randn(256, 8)
y = (x[:, 0] * x[:, 1] > 0).long()
net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(net.parameters(), 0.02)
for _ in range(150):
    optimizer.zero_grad()
    nn.functional.cross_entropy(net(x), y).backward()
    optimizer.step()
kept = io.BytesIO()
torch.jit.save(torch.jit.trace(net, x), kept)
kept.seek(0)
again = torch.jit.load(kept)
torch_score = (again(x).argmax(1) == y).float().mean().item()

weight = net[0].weight.detach().numpy().T.copy()
graph = helper.make_graph(
    [helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 8])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 32])],
    [helper.make_tensor("w", TensorProto.FLOAT, weight.shape, weight.tobytes(), raw=True)],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
gap = float(np.abs(session.run(None, {"x": x.numpy()})[0] - x.numpy() @ weight).max())

forest = RandomForestClassifier(20, n_jobs=2, random_state=0).fit(x.numpy(), y.numpy())
linear = LogisticRegression().fit(x.numpy(), (x[:, 0] > 0).numpy())
answer({"torch": torch_score, "gap": gap, "forest": forest.score(x.numpy(), y.numpy()),
        "linear": linear.score(x.numpy(), (x[:, 0] > 0).numpy())})
"""


@pytest.mark.parametrize("setup", SETUPS, ids=str)
def test_a_guest_ends_with_the_grader_that_is_killed(setup: Setup):
    reason = why_not(setup)
    if reason:
        pytest.skip(reason)
    remnants = Remnants("sx" + secrets.token_hex(5), 0, ())
    command = [sys.executable, "-m", "tests.graders.sandbox.killed", setup.name, remnants.cookie]
    grader = subprocess.Popen(command, cwd=ROOT)
    try:
        eventually(lambda: _named(remnants) or grader.poll() is not None, 60)
        assert grader.poll() is None
        grader.kill()
        eventually(lambda: not _named(remnants), 1)
    finally:
        grader.kill()
        grader.wait()
        remnants.remove()


def _named(remnants: Remnants) -> list[int]:
    """Processes that gave themselves the name: only the guest does, others have it in their command line."""
    wanted = f"{remnants.cookie}\n".encode()
    return [pid for pid in remnants.processes() if _comm(pid) == wanted]


def _comm(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/comm").read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize("abi", [1, 3])
@pytest.mark.parametrize("case", ON_FILES, ids=str)
def test_an_older_landlock_is_enough(case: Case, abi: int, world_for: Callable[[int], World]):
    reason = why_not(SETUPS[0])
    if reason:
        pytest.skip(reason)
    world = world_for(0)
    seen = see_within(Fresh(landlock_abi=abi), case.attacks, world.settings(variant="", uid=0), case.bounds)
    assert not complaints(case, seen, world.effects(seen.told), is_hidden=False), seen


@pytest.mark.parametrize("case", [case for case in CASES if case.number in {1, 2, 40, 47}], ids=str)
def test_the_suite_sees_that_landlock_is_missing(case: Case, world_for: Callable[[int], World]):
    world = world_for(0)
    seen = see_within(Fresh(landlock_abi=0), case.attacks, world.settings(variant="", uid=0), case.bounds)
    assert seen.lines("PWNED")
    assert complaints(case, seen, world.effects(seen.told), is_hidden=False)


def test_a_path_that_does_not_exist_opens_no_other():
    source = """
from graders.sandbox import Profile, lock
lock.close(lock.Lock(Profile.CODE, cpu_seconds=5, memory_bytes=1 << 30, readable=("/nowhere/at/all",)))
try:
    print(open("/etc/passwd").read())
except PermissionError:
    print("refused")
"""
    reason = why_not(SETUPS[0])
    if reason:
        pytest.skip(reason)
    done = subprocess.run([sys.executable, "-I", "-c", source], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == "refused\n", done


def test_a_fork_server_that_is_killed_loses_one_run_at_most():
    reason = why_not(SETUPS[1])
    if reason:
        pytest.skip(reason)
    server = ForkServer()
    try:
        assert run(server, "print(1)").stdout == b"1\n"
        [zygote] = [held.process for held in server._servers.values()]

        def kill(_: object) -> None:
            zygote.send_signal(signal.SIGKILL)
            time.sleep(0.2)

        lost = run(server, f"answer({{}})\n{SLEEP}", reply=kill)
        assert lost.wall_seconds < 10
        assert zygote.poll() is not None
        assert run(server, "print(2)").stdout == b"2\n"
        [zygote] = [held.process for held in server._servers.values()]
        zygote.kill()
        zygote.wait()
        assert run(server, "print(3)").stdout == b"3\n"
    finally:
        server.close()


THREADED = """
import sys, threading, time
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
"""


def test_a_fork_server_with_two_threads_refuses():
    source = f"{THREADED}\nfrom graders.sandbox.zygote import check_threads\ncheck_threads()\nprint('served')"
    done = subprocess.run([sys.executable, "-I", "-c", source], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "Threaded" in done.stderr
    assert "served" not in done.stdout


def test_a_guest_with_two_threads_is_not_locked_in():
    source = f"""{THREADED}
from graders.sandbox import Profile, lock
try:
    lock.close(lock.Lock(Profile.CODE, cpu_seconds=5, memory_bytes=1 << 30, threads=16))
except lock.LockError as error:
    print("refused", error)
else:
    print("served")
"""
    done = subprocess.run([sys.executable, "-I", "-c", source], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.startswith("refused"), done


@pytest.mark.parametrize("name", ["fresh", "bubblewrap"])
def test_honest_work_is_done(name: str, mechanism_of: Callable[[Setup], Mechanism]):
    setup = next(setup for setup in SETUPS if setup.name == name)
    bounds = Bounds(wall_seconds=120, cpu_seconds=100, memory_bytes=3 << 30, result_bytes=1 << 20)
    outcome = run_program(mechanism_of(setup), WORK.encode(), {}, bounds)
    assert outcome.end is End.DONE, outcome
    note = outcome.frames[0].note
    assert note["torch"] > 0.95
    assert note["forest"] > 0.95
    assert note["linear"] > 0.95
    assert note["gap"] < 1e-5
