"""Conversations with programs: what they can do to them, and what becomes of each."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from challenges._generators.programs import Dialogue, Message, ProgramFailed, take
from challenges.errors import InvalidSubmission, Reason
from graders.limits import OutOfTime, time_limit
from graders.programs import specimens as some
from graders.programs.opening import refusal_of, try_program
from graders.sandbox.bubblewrap import find_bubblewrap
from graders.sandbox.fresh import Fresh
from graders.scoring import BrokenChallenge
from tests.graders.programs.settings import spec, talking

DOUBLE = "def double(x):\n    return 2 * x\n"
COUNT = "seen = 0\ndef double(x):\n    global seen\n    seen += 1\n    return x * 0 + seen\n"


def ask(values: list[float]) -> Dialogue[list[float]]:
    """Ask for the double of one number after the other; what was answered."""
    heard = []
    for value in values:
        answer = yield Message({}, {"x": np.array([value])})
        heard.append(float(take(answer, "y", (1,))[0]))
    return heard


def talk(source: str, values: tuple[float, ...] = (1.0, 2.5), **fields: Any) -> list[float]:
    """What a program answers."""
    with talking(source, **fields) as program:
        return program.talk(ask(list(values)), len(values))


def fail(source: str, **fields: Any) -> str:
    """How a program fails."""
    with pytest.raises(ProgramFailed) as raised:
        talk(source, **fields)
    assert not raised.value.said, "nothing that a program says of hidden runs is repeated"
    return raised.value.end


def test_a_program_answers_turn_by_turn():
    assert talk(DOUBLE) == [2.0, 5.0]


@pytest.mark.skipif(find_bubblewrap() is None, reason="bubblewrap is not installed")
def test_it_does_so_in_bubblewrap():
    assert talk(DOUBLE, sandbox=Fresh(bubblewrap=True)) == [2.0, 5.0]


def test_each_conversation_starts_it_anew():
    with talking(COUNT) as program:
        assert [program.talk(ask([0.0, 0.0]), 2) for _ in range(2)] == [[1.0, 2.0]] * 2


def test_it_imports_its_own_modules_and_reads_its_own_files():
    source = (
        "from pathlib import Path\nfrom inner.helper import FACTOR\n"
        "OWN = float(Path(__file__).with_name('own.txt').read_text())\ndef double(x):\n    return x * FACTOR + OWN\n"
    )
    members = {"inner/helper.py": b"FACTOR = 3", "own.txt": b"0.5"}
    assert talk(source, members=members) == [3.5, 8.0]


def test_settings_arrive():
    harness = "answer({})\nhear()\nimport numpy as np\nanswer({}, {'y': np.array([float(SETTINGS['budget'])])})"
    with talking(DOUBLE, harness) as program:
        assert program.talk(ask([0.0]), 1, {"budget": 300}) == [300.0]


def test_torch_is_there_before_the_program_starts():
    source = "import torch\ndef double(x):\n    return (2 * torch.from_numpy(x)).numpy()\n"
    assert talk(source, libraries="torch", run_seconds=5) == [2.0, 5.0]


@pytest.mark.parametrize(
    ("source", "end"),
    [
        ("def double(x):\n    raise SystemExit(0)", "left"),
        ("import os\ndef double(x):\n    os._exit(0)", "left"),
        ("1 / 0", "crashed"),
        ("def double(x):\n    return 1 / 0", "crashed"),
        ("import os\nos.abort()", "crashed"),
        ("def double(x):\n    while True: pass", "cpu wall"),  # on a busy machine the clock is first
        ("kept = []\nwhile True: kept.append(bytearray(b'x') * (1 << 24))", "memory"),
        ("def double(x):\n    while True: print('x' * 10_000)", "output"),
        ("def double(x):\n    return x.repeat(2)", "misbehaved"),
        ("import numpy as np\ndef double(x):\n    return np.zeros(1 << 22)", "output"),
        ("def double(x):\n    return 'two'", "crashed"),
        ("import os\ndef double(x):\n    os.write(4, b'nonsense' * 10)\n    return x", "output"),
        ("import os\ndef double(x):\n    os.close(4)\n    return x", "crashed"),
    ],
)
def test_how_a_program_fails(source: str, end: str):
    assert fail(source, run_seconds=1) in end.split()


def test_a_sleeper_is_ended_by_the_clock():
    began = time.monotonic()
    assert fail("import time\ntime.sleep(60)", run_seconds=1) == "wall"
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "trick",
    [
        # forged frames are its own word, and come before what it is asked for
        "import sys\nguest = sys._getframe(1)\ndef double(x):\n    return x * 99",
        "import time\ntime.monotonic = time.time = lambda: 0\ndef double(x):\n    return x * 99",
        "import numpy as np\nnp.array_equal = lambda *a: True\ndef double(x):\n    return x * 99",
        "import graders.sandbox.frames as f, json\nf._PREFIX = None\ndef double(x):\n    return x * 99",
        "import builtins\nbuiltins.float = lambda x: 2.0\ndef double(x):\n    return x * 99",
    ],
)
def test_nothing_a_program_changes_in_its_process_changes_what_is_compared(trick: str):
    """A trial that expects doubles refuses whatever is no double."""
    with talking(trick) as program, pytest.raises((ProgramFailed, InvalidSubmission)) as raised:
        some.try_talking(program)
    assert not isinstance(raised.value, ProgramFailed) or raised.value.end in ("misbehaved", "crashed")


def test_it_cannot_read_what_is_not_its_own(tmp_path: Path):
    secret = tmp_path / "answers.parquet"
    secret.write_text("42", encoding="utf-8")
    tries = [
        f"open({str(secret)!r}).read()",
        f"os.listdir({str(tmp_path)!r})",
        "open('/etc/passwd').read()",
        "os.listdir('/proc/self/fd')",
        "socket.socket()",
        "open('/tmp/x', 'w')",
        "open(__file__, 'a')",
        "os.fork()",
        "os.kill(os.getppid(), 9)",
    ]
    source = "import os, socket\nOPEN = 0\n"
    for attempt in tries:
        source += f"try:\n    {attempt}\n    OPEN += 1\nexcept OSError:\n    pass\n"
    source += "def double(x):\n    return x * 0 + OPEN\n"
    assert talk(source, (1.0,)) == [0.0]


def test_the_time_of_a_submission_is_bounded_over_all_its_runs():
    """What was not run in time has failed: a refusal would cost nothing, and tell a bit of what is hidden."""
    with talking("import time\ndef double(x):\n    time.sleep(1)\n    return x", grade_seconds=2) as program:
        program.talk(ask([1.0]), 1)
        for _ in range(2):
            with pytest.raises(ProgramFailed) as raised:
                program.talk(ask([1.0]), 1)
            assert raised.value.end == "wall"


def test_a_program_that_hangs_up_while_it_is_answered_is_no_error_of_the_graders():
    """Room in the pipe is told of in the same moment as a message to which nothing can be replied any more."""
    flood = "import os\nfor _ in range(250): answer({})\nanswer({})\nos.close(5)\nanswer({})"

    def speak() -> Dialogue[None]:
        for _ in range(600):
            yield Message({}, {"x": np.zeros(600)})

    for _ in range(8):
        with talking(DOUBLE, flood) as program, pytest.raises(ProgramFailed):
            program.talk(speak(), 600)


def test_a_job_whose_time_is_over_leaves_nothing():
    with pytest.raises(OutOfTime), time_limit(0.5), talking("import time\ntime.sleep(60)") as program:
        program.talk(ask([1.0]), 1)
    assert talk(DOUBLE) == [2.0, 5.0]


def test_an_error_of_the_graders_own_is_no_failure_of_the_program():
    def broken() -> Dialogue[None]:
        yield Message({}, {"x": np.zeros(1)})
        raise ZeroDivisionError

    with talking(DOUBLE) as program, pytest.raises(ZeroDivisionError):
        program.talk(broken(), 1)


def refuse(source: str, **fields: Any) -> str:
    """What a participant is told when the trial fails."""
    with pytest.raises(InvalidSubmission) as raised, talking(source, **fields) as program:
        try_program(program, some.try_talking)
    return str(raised.value)


def test_a_failing_trial_tells_the_programs_own_error():
    told = refuse("def double(x):\n    y = 2 * x\n    return z\n")
    assert "`NameError: name 'z' is not defined (solution.py, line 3, in double)`" in told
    assert "ModuleNotFoundError: No module named 'pandaz'" in refuse("import pandaz")
    assert "it ended before it was asked to" in refuse("raise SystemExit(0)")
    assert "it died without a word" in refuse("import os\nos.abort()")
    assert "it answered something else" in refuse("def double(x):\n    return x")
    assert "more than 2 s" in refuse("while True: pass")


def test_other_ends_have_sentences_of_their_own():
    limits = some.make_manifest("code", "solution.py").limits
    reasons = {"memory": Reason.OUT_OF_MEMORY, "output": Reason.TOO_MUCH_OUTPUT, "threads": Reason.TOO_MANY_THREADS}
    for end, reason in reasons.items():
        assert refusal_of(ProgramFailed(end, "x"), spec(), limits).faults[0].reason is reason


def test_a_package_must_have_a_trial():
    with talking(DOUBLE) as program, pytest.raises(BrokenChallenge, match="try_out"):
        try_program(program, None)
