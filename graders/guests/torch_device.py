"""torch as the guests use it: one thread, deterministic, full precision; counting and running on the CPU or one GPU."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry, sdpa_flop_count

from graders.models.asking import CPU, Ask, Compute, OutOfRoom

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_NO_ROOM = "DefaultCPUAllocator"
_ATTENTION = (torch.ops.aten._scaled_dot_product_flash_attention_for_cpu,)  # noqa: SLF001 - not in torch's own list


def set_up(ask: Ask) -> None:
    """Settle how torch computes, and use everything once: nothing can be loaded after the seal."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    # what `use_deterministic_algorithms` does, without loading a compiler for it
    torch._C._set_deterministic_algorithms(True, warn_only=True)  # noqa: FBT003, SLF001
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    modules = [torch.nn.Conv1d(4, 4, 1), torch.nn.Conv2d(1, 1, 1), torch.nn.Linear(8, 8), torch.nn.LSTM(8, 8)]
    modules.append(torch.nn.TransformerEncoderLayer(8, 2, 8).eval())
    compute = make_compute(lambda *inputs: [module.to(ask.device)(*inputs) for module in modules], ask)
    compute([np.zeros((1, 4, 8), dtype=np.float32)])
    count_macs(compute, [np.zeros((1, 4, 8), dtype=np.float32)])


def make_compute(module: Callable[..., Any], ask: Ask) -> Compute:
    """The function that runs a module on arrays."""
    device = torch.device(ask.device)

    def compute(inputs: list[NDArray[Any]]) -> NDArray[Any]:
        try:
            with torch.no_grad(), _precision(ask):
                output = _choose(module(*(torch.from_numpy(array).to(device) for array in inputs)), ask)
                if ask.autocast and output.dtype in (torch.float16, torch.bfloat16):
                    output = output.float()
                found: NDArray[Any] = output.cpu().numpy()
        except torch.cuda.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise OutOfRoom from error
        except RuntimeError as error:
            if ask.device == CPU and _NO_ROOM in str(error):
                raise MemoryError from error
            raise
        return found

    return compute


class Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the operations of matrix products, convolutions and attention while they run."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # to skip the compiler means to load it first

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        operator = func._overloadpacket  # noqa: SLF001 - as torch's own counter finds it
        if operator in _ATTENTION:
            queries, keys, values = (tensor.shape for tensor in args[:3])
            self.operations += sdpa_flop_count(queries, keys, values)  # type: ignore[no-untyped-call]
        elif operator in flop_registry:
            self.operations += flop_registry[operator](*args, **(kwargs or {}), out_val=out)
        return out


def count_macs(compute: Compute, row: list[NDArray[Any]]) -> float:
    """Multiplications with additions of one row, each a pair of operations."""
    is_fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.backends.mkldnn.flags(enabled=False), torch.no_grad(), Counter() as counter:
            compute(row)
    finally:
        torch.backends.mha.set_fastpath_enabled(is_fast)
    return float(counter.operations / 2)


def _choose(output: Any, ask: Ask) -> torch.Tensor:
    """The output that is read: by name, or the first of several."""
    if isinstance(output, dict):
        output = output.get(ask.model.output.name)
    if isinstance(output, tuple | list) and output:
        output = output[0]
    if not isinstance(output, torch.Tensor):
        raise TypeError("it returns no tensor")
    return output


def _precision(ask: Ask) -> AbstractContextManager[Any]:
    if not ask.autocast:
        return nullcontext()
    return torch.autocast(ask.device.partition(":")[0], dtype=getattr(torch, ask.autocast))
