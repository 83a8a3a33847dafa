"""The frozen tables agree with the headers, filters can be built for every machine, and what is allowed is known."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from graders.sandbox import Profile
from graders.sandbox.calls import ALLOWED, NOT_PERMITTED, READ_ONLY, SERVICE
from graders.sandbox.seccomp import build_filter, build_seal
from graders.sandbox.syscalls import ARCHITECTURES, UnknownArchitecture, architecture_of

HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
LONGEST = 4096
"""Instructions that the kernel takes."""
RULED = {"clone", "clone3", "kill", "tgkill", "prlimit64", "prctl", "ioctl", "fcntl", "socketpair", "sendto", "mmap"}
RULED |= {"open", "openat", "seccomp", "memfd_create"}


@pytest.mark.parametrize("machine", HEADERS)
def test_frozen_numbers_are_those_of_the_headers(machine: str):
    if not HEADERS[machine].exists():
        pytest.skip("the kernel's headers are not installed")
    told = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)\s*$", HEADERS[machine].read_text(), re.MULTILINE))
    numbers = ARCHITECTURES[machine].numbers
    known = {name: number for name, number in numbers.items() if name in told}
    assert known == {name: int(told[name]) for name in known}
    assert len(known) > 0.9 * len(numbers)


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize("profile", Profile)
def test_a_filter_is_whole_instructions_and_not_too_long(profile: Profile, machine: str):
    for program in (build_filter(profile, 4242, machine), build_seal(machine)):
        assert len(program) % 8 == 0
        assert len(program) // 8 < LONGEST
    assert build_filter(profile, 4242, machine) != build_filter(profile, 4243, machine)


def test_every_call_that_is_named_has_a_number_and_one_answer():
    lists = [set(ALLOWED), set(READ_ONLY), set(NOT_PERMITTED), set(SERVICE), RULED]
    assert sum(map(len, lists)) == len(set.union(*lists))
    assert set.union(*lists) == set(ARCHITECTURES["x86_64"].numbers)
    assert set(ARCHITECTURES["aarch64"].numbers) < set(ARCHITECTURES["x86_64"].numbers)


def test_what_a_guest_could_get_out_with_is_not_allowed():
    dangerous = {"socket", "connect", "bind", "execve", "fork", "ptrace", "mount", "bpf", "keyctl", "io_uring_setup"}
    assert dangerous <= set(NOT_PERMITTED)


def test_a_machine_without_a_table_is_refused():
    with pytest.raises(UnknownArchitecture, match="mips"):
        architecture_of("mips")
