"""Memory of a GPU: how much of it a model may take, and how torch and ONNX Runtime say that there is no more.

Only numbers and words: neither library is imported, so that all of it is tested where there is no GPU.
"""

from __future__ import annotations

import ctypes

from challenges.errors import InvalidSubmission, Reason
from graders.models.asking import OutOfRoom

_DRIVER = "libcuda.so.1"
_MACHINE_SAYS = ("DefaultCPUAllocator", "bad_alloc", "bad allocation")
_DEVICE_SAYS = ("out of memory", "ALLOC_FAILED", "Failed to allocate memory", "smaller than requested bytes")
"""torch and CUDA, the libraries of CUDA, ONNX Runtime where the memory ends, and where its own limit does."""


def number_of(device: str) -> int:
    """Which of several GPUs: 1 of `cuda:1`, 0 of `cuda`."""
    return int(device.partition(":")[2] or 0)


def room_bytes(limit_bytes: int, total_bytes: int) -> int:
    """What a model may take of a GPU's memory.

    Args:
        limit_bytes: The challenge's; 0 for none.
        total_bytes: All that the GPU has.
    """
    return min(limit_bytes or total_bytes, total_bytes)


def room_fraction(limit_bytes: int, total_bytes: int) -> float:
    """The same as a part of the whole, in (0, 1], which is how torch is told."""
    return room_bytes(limit_bytes, total_bytes) / total_bytes


def provider_options(device: str, limit_bytes: int) -> dict[str, str]:
    """How ONNX Runtime is told of a GPU: plain float32, so that scores agree with those of a CPU.

    Args:
        device: `cuda`, or `cuda:1`.
        limit_bytes: The challenge's; 0 for none.
    """
    options = {"device_id": str(number_of(device)), "use_tf32": "0"}
    if limit_bytes:
        # by itself it takes powers of two, and comes to the limit with half of the memory unused
        options |= {"gpu_mem_limit": str(limit_bytes), "arena_extend_strategy": "kSameAsRequested"}
    return options


def read_total(device: str) -> int:
    """All memory of a GPU in bytes, from its driver: ONNX Runtime cannot tell.

    Raises:
        OSError: There is no driver, or it knows no such GPU.
    """
    driver = ctypes.CDLL(_DRIVER)
    handle, size = ctypes.c_int(), ctypes.c_size_t()
    for code in (
        driver.cuInit(0),
        driver.cuDeviceGet(ctypes.byref(handle), number_of(device)),
        driver.cuDeviceTotalMem_v2(ctypes.byref(size), handle),
    ):
        if code:
            raise OSError(code, f"the driver of {device} answers with an error")
    return size.value


def lack_of(error: Exception, *, is_on_gpu: bool) -> Exception | None:
    """What an error means where it is one of memory, else None.

    Its words are all there is to go by: TorchScript and ONNX Runtime raise the same class whatever went wrong.

    Args:
        error: Of torch or ONNX Runtime.
        is_on_gpu: Where the model computes.

    Returns:
        OutOfRoom: fewer rows may do. MemoryError: beside a GPU the machine's own memory ended, which is another limit.
    """
    said = str(error)
    if any(sign in said for sign in _MACHINE_SAYS):
        return MemoryError() if is_on_gpu else OutOfRoom()
    return OutOfRoom() if any(sign in said for sign in _DEVICE_SAYS) else None


def without_room(gpu_bytes: int, memory_bytes: int) -> InvalidSubmission:
    """The refusal of a model that does not fit even with one row at once.

    Args:
        gpu_bytes: What it could take of a GPU; 0 where it computed without one.
        memory_bytes: What it could take of the machine's memory.
    """
    if gpu_bytes:
        return InvalidSubmission.because(Reason.OUT_OF_GPU_MEMORY, limit_bytes=gpu_bytes)
    return InvalidSubmission.because(Reason.OUT_OF_MEMORY, limit_bytes=memory_bytes)
