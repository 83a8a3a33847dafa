"""What every mechanism must do, in checks that each take one: a new mechanism is finished when it passes them all."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from graders.limits import OutOfTime, time_limit
from graders.sandbox import Bounds, End, Mechanism, Outcome, Profile, Run
from graders.sandbox.frames import Frame, pack_frame
from graders.sandbox.started import TooLarge
from tests.graders.sandbox.seen import file_of, run_program

BOUNDS = Bounds(wall_seconds=20, cpu_seconds=10, memory_bytes=384 << 20, result_bytes=1 << 20)
HURRIED = replace(BOUNDS, wall_seconds=0.5)
SLEEP = "import time; print('asleep', flush=True); time.sleep(1000)"
CONTENT = b"a file of the participant's"


def run(mechanism: Mechanism, source: str | bytes, bounds: Bounds = BOUNDS, **more: Any) -> Outcome:
    """Run a program, told nothing."""
    program = source.encode() if isinstance(source, str) else source
    return run_program(mechanism, program, more.pop("settings", {}), bounds, **more)


def check_arrays_come_back(mechanism: Mechanism) -> None:
    """Frames arrive whole, in order, with every kind of number."""
    outcome = run(
        mechanism,
        "import numpy as np\n"
        "kinds = ('f4', 'f8', 'i4', 'i8', 'u1', 'u4', '?')\n"
        "answer({'n': 1, 'word': 'é'}, {k.replace('?', 'b'): np.arange(6).reshape(2, 3).astype(k) for k in kinds})\n"
        "answer({'n': 2})\n"
        "answer({'n': 3}, {'none': np.zeros((0, 4)), 'one': np.float64(7.5) * np.ones(())})",
    )
    assert outcome.end is End.DONE, outcome
    assert [frame.note["n"] for frame in outcome.frames] == [1, 2, 3]
    assert outcome.frames[0].note["word"] == "é"
    kinds = outcome.frames[0].arrays
    assert [array.dtype.str for array in kinds.values()] == ["<f4", "<f8", "<i4", "<i8", "|u1", "<u4", "|b1"]
    assert all((array == np.arange(6).reshape(2, 3).astype(array.dtype)).all() for array in kinds.values())
    assert outcome.frames[2].arrays["none"].shape == (0, 4)
    assert outcome.frames[2].arrays["one"] == 7.5


def check_settings_and_files_arrive(mechanism: Mechanism) -> None:
    """A guest gets what it is told, and the files in their order; they stay open here."""
    with file_of(CONTENT) as extra, file_of(b"import os; print(SETTINGS['a'], os.read(7, 99).decode())") as source:
        outcome = mechanism.run(Run("code", {"a": [1, "é"]}, BOUNDS, Profile.CODE, files=[source, extra]))
        assert os.fstat(extra).st_size == len(CONTENT)
    assert outcome.end is End.DONE, outcome
    assert outcome.stdout.decode() == f"[1, 'é'] {CONTENT.decode()}\n"


def check_inputs_are_streamed(mechanism: Mechanism) -> None:
    """After its first frame a guest gets more than a pipe holds, to the end."""
    hidden = np.arange(1 << 19, dtype=np.float64)
    asked: list[Frame] = []

    def reply(frame: Frame) -> list[memoryview]:
        asked.append(frame)
        return [hidden[:1000].data, hidden[1000:].data]

    outcome = run(
        mechanism,
        "import numpy as np\nanswer({'ask': 1})\n"
        "given = np.frombuffer(open(5, 'rb').read())\nanswer({'count': len(given)}, {'sum': given.sum(keepdims=True)})",
        reply=reply,
    )
    assert outcome.end is End.DONE, outcome
    assert [frame.note for frame in asked] == [{"ask": 1}]
    assert outcome.frames[1].note == {"count": len(hidden)}
    assert outcome.frames[1].arrays["sum"][0] == hidden.sum()


def check_inputs_may_be_left(mechanism: Mechanism) -> None:
    """A guest that does not want its inputs ends as it likes."""
    outcome = run(mechanism, "answer({})\nimport os; os.close(5)", reply=lambda _: [memoryview(bytes(1 << 22))])
    assert outcome.end is End.DONE, outcome


def check_none_ends_the_run(mechanism: Mechanism) -> None:
    """A first frame that the grader does not like is the last."""
    outcome = run(mechanism, f"answer({{}})\n{SLEEP}", reply=lambda _: None)
    assert outcome.end is End.DONE
    assert outcome.wall_seconds < BOUNDS.wall_seconds


def check_a_failing_reply_ends_the_run(mechanism: Mechanism) -> None:
    """An error of the grader's own is told, and leaves no guest."""

    def reply(_: Frame) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(mechanism, f"answer({{}})\n{SLEEP}", reply=reply)
    assert run(mechanism, "print(1)").stdout == b"1\n"


TALK = """while (heard := hear()) is not None:
    note, arrays = heard
    answer({"n": note["n"]}, {"twice": arrays["x"] * 2})
"""


def check_a_conversation(mechanism: Mechanism) -> None:
    """A guest is told something for each frame, as often as was agreed; then it hears that there is no more."""
    given = np.arange(3000.0)
    heard: list[Frame] = []

    def reply(frame: Frame) -> list[memoryview]:
        heard.append(frame)
        return pack_frame({"n": len(heard)}, {"x": given + len(heard)}) if len(heard) < 300 else []

    bounds = replace(BOUNDS, result_bytes=20 << 20)
    outcome = run(mechanism, f"answer({{}})\n{TALK}print('end')", bounds, reply=reply, turns=300)
    assert (outcome.end, outcome.stdout, outcome.frames) == (End.DONE, b"end\n", []), outcome
    assert [frame.note for frame in heard] == [{}, *({"n": n} for n in range(1, 300))]
    assert all((frame.arrays["twice"] == 2 * (given + n)).all() for n, frame in enumerate(heard[1:], 1))


def check_a_conversation_that_ends_early(mechanism: Mechanism) -> None:
    """Either side may stop: the grader by None, the guest by its end, of which the watcher tells how it was."""

    def reply(frame: Frame) -> list[memoryview] | None:
        return None if frame.note.get("n") == 2 else pack_frame({"n": frame.note.get("n", 0) + 1}, {"x": np.ones(2)})

    assert run(mechanism, f"answer({{}})\n{TALK}", reply=reply, turns=9).end is End.DONE
    assert run(mechanism, "answer({})\nhear(); raise SystemExit(0)", reply=reply, turns=9).end is End.DONE
    assert run(mechanism, "answer({})\nhear(); raise SystemExit(3)", reply=reply, turns=9).end is End.CRASHED
    assert run(mechanism, "import os; os.close(5); answer({}); answer({})", reply=reply, turns=9).end is End.DONE


def check_a_conversation_is_bounded(mechanism: Mechanism) -> None:
    """Who talks on when nobody replies any more is ended; who never says anything is ended by the clock."""
    endless = run(mechanism, "while True: answer({})", reply=lambda _: [], turns=200)
    assert endless.end is End.OUTPUT, endless
    assert run(mechanism, "hear()", HURRIED, reply=lambda _: [], turns=5).end is End.WALL
    deaf = run(mechanism, f"answer({{}})\n{SLEEP}", HURRIED, reply=lambda _: [memoryview(bytes(1 << 22))], turns=5)
    assert deaf.end is End.WALL, deaf


def check_a_lent_folder_is_read(mechanism: Mechanism) -> None:
    """A guest reads the folder that it is lent, imports from it, writes nothing there, and sees no other one."""
    with tempfile.TemporaryDirectory() as lent, tempfile.TemporaryDirectory() as other:
        for folder in (lent, other):
            Path(folder, "inner").mkdir()
            Path(folder, "inner", "own.py").write_text("X = 'mine'", encoding="utf-8")
        outcome = run(mechanism, LENT.format(lent=lent, other=other), settings={"program_folder": lent}, folder=lent)
        assert sorted(path.name for path in Path(lent).rglob("*") if "pycache" not in path.name) == ["inner", "own.py"]
    assert outcome.end is End.DONE, outcome
    assert outcome.stdout.decode().split() == ["mine", "True", "denied", "denied", "denied"], outcome


LENT = """import os
import inner.own
print(inner.own.X, inner.own.__file__.startswith({lent!r}))
for path, mode in (({other!r} + "/inner/own.py", "r"), ({lent!r} + "/inner/own.py", "w"), ({lent!r} + "/new", "w")):
    try:
        open(path, mode).close()
        print("opened")
    except OSError:
        print("denied")
"""


def check_a_run_can_be_stopped(mechanism: Mechanism) -> None:
    """What the run was for is done: it ends at once, and that is no fault of the guest's."""
    bell = os.eventfd(1)
    try:
        outcome = run(mechanism, SLEEP, stop=bell)
    finally:
        os.close(bell)
    assert outcome.end is End.DONE, outcome
    assert outcome.wall_seconds < BOUNDS.wall_seconds


def _ends(source: str | bytes, end: End, bounds: Bounds = BOUNDS) -> Callable[[Mechanism], None]:
    def check(mechanism: Mechanism) -> None:
        outcome = run(mechanism, source, bounds)
        assert outcome.end is end, outcome
        assert outcome.wall_seconds < BOUNDS.wall_seconds

    return check


_IMPOSSIBLE = """import os, json
text = json.dumps({"note": {}, "arrays": [["a", "f8", [0, 1 << 39, 1 << 39]]]}).encode()
os.write(4, b"ARN1" + len(text).to_bytes(4, "little") + text)
"""
_FRAME = "import os; os.write(4, b'ARN1' + (26).to_bytes(4, 'little') + b'{\"note\": {}, \"arrays\": []}')"
ENDS = {
    "done": _ends("pass", End.DONE),
    "left with 0": _ends("raise SystemExit", End.DONE),
    "wall": _ends(SLEEP, End.WALL, HURRIED),
    "cpu": _ends("while True: pass", End.CPU, replace(BOUNDS, cpu_seconds=1)),
    "two seconds of cpu": _ends("while True: pass", End.CPU, replace(BOUNDS, cpu_seconds=2)),
    "memory": _ends("kept = []\nwhile True: kept.append(bytearray(b'x') * (1 << 23))", End.MEMORY),
    "stdout": _ends("while True: print('x' * 10_000)", End.OUTPUT),
    "stderr": _ends("import sys\nwhile True: sys.stderr.write('x' * 10_000)", End.OUTPUT),
    "result": _ends("import numpy as np\nanswer({}, {'a': np.zeros(1 << 18)})", End.OUTPUT),
    "many results": _ends("while True: answer({})", End.OUTPUT),
    "no frame": _ends("import os, time; os.write(4, b'PK' * 10); time.sleep(1000)", End.OUTPUT),
    "half a frame": _ends("import os; os.write(4, b'ARN1')", End.CRASHED),
    "one and a half": _ends(f"{_FRAME}; os.write(4, b'ARN1')", End.CRASHED),
    "exit code": _ends("raise SystemExit(3)", End.CRASHED),
    "error": _ends("1 / 0", End.CRASHED),
    "the code of a guest that could not lock itself in": _ends("import os; os._exit(70)", End.CRASHED),
    "left with that code": _ends("raise SystemExit(70)", End.CRASHED),
    "an array that cannot be": _ends(_IMPOSSIBLE, End.OUTPUT),
    "more frames than anybody needs": _ends("for n in range(200): answer({'n': n})", End.OUTPUT),
    "no program": _ends("this is no Python", End.CRASHED),
    "not UTF-8": _ends(b"x = '\xff'", End.CRASHED),
    "with a zero byte": _ends("x = '\0'", End.CRASHED),
    "too large": _ends("#" * ((1 << 20) + 1), End.CRASHED),
    "aborted": _ends("import os; os.abort()", End.CRASHED),
    "killed itself": _ends("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", End.CRASHED),
}
"""How a program ends, and what that must be called."""


def check_threads_are_bounded(mechanism: Mechanism) -> None:
    """A run never has many more threads than it may: the watcher ends it, or the system starts no more."""
    outcome = run(
        mechanism,
        "import threading, time\n"
        "for number in range(30):\n"
        "    threading.Thread(target=time.sleep, args=(30,), daemon=True).start()\n"
        "time.sleep(30)",
        replace(BOUNDS, threads=16),
    )
    assert outcome.end is End.THREADS or b"can't start new thread" in outcome.stderr, outcome
    assert outcome.wall_seconds < BOUNDS.wall_seconds


def check_text_is_kept(mechanism: Mechanism) -> None:
    """What fits is kept of each stream; a traceback shows the participant's own lines."""
    outcome = run(mechanism, "print('a' * 100_000)\nfirst = 1\nprint(first / 0)")
    assert outcome.end is End.CRASHED
    assert outcome.exit_code == 1
    assert outcome.stdout == b"a" * BOUNDS.output_bytes
    assert b'File "submission.py", line 3' in outcome.stderr
    assert b"print(first / 0)" in outcome.stderr
    assert b"ZeroDivisionError" in outcome.stderr


def check_use_is_measured(mechanism: Mechanism) -> None:
    """Time and memory are those of the run, not of what was there before it."""
    spend = "import time\nkept = bytearray(b'x') * (100 << 20)\nwhile time.process_time() < 0.4: pass"
    spent, idle = run(mechanism, spend), run(mechanism, "pass")
    assert spent.end is idle.end is End.DONE
    assert 0.3 < spent.cpu_seconds < 3
    assert spent.wall_seconds >= 0.3
    assert idle.cpu_seconds < spent.cpu_seconds
    assert 80 << 20 < spent.peak_bytes - idle.peak_bytes < 130 << 20


def check_time_may_be_over_at_any_moment(mechanism: Mechanism) -> None:
    """A job whose time is over in the middle of a run leaves no guest, and the next run gets answers of its own."""
    for delay in (0.0005, 0.001, 0.002, 0.003, 0.005, 0.008, 0.013, 0.02, 0.05):
        with pytest.raises(OutOfTime), time_limit(delay):
            run(mechanism, SLEEP)
        outcome = run(mechanism, f"print({delay})")
        assert (outcome.end, outcome.stdout) == (End.DONE, f"{delay}\n".encode())
    assert run(mechanism, "print(1)").stdout == b"1\n"


def check_an_unknown_guest_is_an_error_of_ours(mechanism: Mechanism) -> None:
    """A guest that cannot be locked in is told apart from everything that a participant can do."""
    outcome = mechanism.run(Run("../code", {}, BOUNDS, Profile.CODE))
    assert outcome.end is End.SANDBOX_ERROR, outcome


def check_large_settings_are_refused(mechanism: Mechanism) -> None:
    """Settings that do not fit never start a guest."""
    with pytest.raises(TooLarge):
        run(mechanism, "pass", settings={"a": "x" * 70_000})


def check_runs_are_independent(mechanism: Mechanism) -> None:
    """A run sees nothing of another, and has random numbers of its own."""
    source = (
        "import random, numpy as np, sys\nprint(random.random(), np.random.rand(), hasattr(sys, 'left'))\nsys.left = 1"
    )
    texts = [run(mechanism, source).stdout.split() for _ in range(3)]
    assert all(text[2] == b"False" for text in texts)
    assert len({text[0] for text in texts}) == len({text[1] for text in texts}) == 3


def check_nothing_is_left(mechanism: Mechanism) -> None:
    """Runs leave no descriptor, process or thread, however they end."""
    run(mechanism, "pass")
    before = _belongings()
    for source, bounds in (("pass", BOUNDS), (SLEEP, HURRIED), ("raise SystemExit(3)", BOUNDS)):
        run(mechanism, source, bounds)
    with pytest.raises(TooLarge):
        run(mechanism, "pass", settings={"a": "x" * 70_000})
    assert _belongings() == before


def _belongings() -> tuple[int, list[int], int]:
    children = sorted(child.pid for child in psutil.Process().children(recursive=True))
    return len(list(Path("/proc/self/fd").iterdir())), children, threading.active_count()


def check_libraries_work(mechanism: Mechanism) -> None:
    """What programs do every day works: threads, asyncio, temporary memory, numpy, polars, the clock."""
    outcome = run(
        mechanism,
        "import asyncio, threading, io, zipfile, datetime, json, hashlib, decimal, sqlite3\n"
        "import numpy as np, polars as pl\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(4) as pool: sums = list(pool.map(sum, [[1, 2], [3]]))\n"
        "async def wait(): await asyncio.sleep(0.01); return 7\n"
        "frame = pl.DataFrame({'a': np.arange(1000) % 7}).group_by('a').len().sort('a')\n"
        "singular = np.linalg.svd(np.random.default_rng(0).normal(size=(60, 60)))[1]\n"
        "base = sqlite3.connect(':memory:').execute('select 6 * 7').fetchone()[0]\n"
        "now = datetime.datetime.now().astimezone().year\n"
        "answer({'ok': [sums, asyncio.run(wait()), frame.height, bool((singular > 0).all()), base, now > 2000]})",
    )
    assert outcome.end is End.DONE, outcome
    assert outcome.frames[0].note["ok"] == [[3, 3], 7, 7, True, 42, True]


def check_it_can_be_closed_twice_and_used_again(mechanism: Mechanism) -> None:
    """What is closed holds nothing, and starts again when it is asked."""
    assert run(mechanism, "print(1)").stdout == b"1\n"
    mechanism.close()
    mechanism.close()
    assert run(mechanism, "print(2)").stdout == b"2\n"


CHECKS: dict[str, Callable[[Mechanism], None]] = {
    name.removeprefix("check_"): check for name, check in list(globals().items()) if name.startswith("check_")
} | {f"end: {name}": check for name, check in ENDS.items()}
