"""torch as the guests use it: one thread, deterministic, full precision; counting and running on the CPU or one GPU."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry, sdpa_flop_count

from challenges.errors import InvalidSubmission, Reason
from graders.faults import show_text
from graders.models.asking import CPU, Ask, Compute
from graders.models.room import lack_of, number_of, room_bytes, room_fraction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

_ATTENTION = (torch.ops.aten._scaled_dot_product_flash_attention_for_cpu,)  # noqa: SLF001 - not in torch's own list

_EACH = (
    "mul",
    "mul_",
    "div",
    "div_",
    "pow",
    "pow_",
    "addcmul",
    "addcmul_",
    "addcdiv",
    "addcdiv_",
    "addr",
    "ger",
    "prelu",
)
"""One multiplication for each element of the output: with a sum they make any product of matrices."""
_OF_INPUT = ("mv", "addmv", "dot", "vdot", "linalg_vector_norm", "norm")
"""One for each element of the largest input."""
_UNCOUNTED = (
    *("_trilinear", "_cdist_forward", "_pdist_forward", "grid_sampler_2d", "grid_sampler_3d", "cumprod"),
    *("_int_mm", "_weight_int8pack_mm", "_weight_int4pack_mm", "mkldnn_rnn_layer", "mkldnn_linear"),
    *("_native_multi_head_attention", "_transformer_encoder_layer_fwd"),
    *("linalg_matrix_exp", "_linalg_solve_ex", "linalg_solve_triangular", "linalg_lu_solve", "cholesky_solve"),
)
"""They multiply, and how often depends on more than sizes that are easily told."""
_KNOWN = ("aten", "prim", "prims", "profiler")


def reseed(ask: Ask, seed: int) -> None:
    """Set the random numbers of the device where models compute, and of the processor."""
    torch.default_generator.manual_seed(seed)
    if ask.device != CPU:
        torch.cuda.default_generators[number_of(ask.device)].manual_seed(seed)


def set_up(ask: Ask) -> int:
    """Settle how torch computes, and use everything once: nothing can be loaded after the seal.

    Returns:
        How many bytes of the GPU's memory a model may take; 0 on the CPU.
    """
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
    return 0 if ask.device == CPU else _bound_memory(ask)


@contextmanager
def told_lack(device: str) -> Iterator[None]:
    """Within, an error of memory becomes one that says which memory ended.

    Raises:
        OutOfRoom: That of the device where the model computes.
        MemoryError: The machine's own, while the model computes on a GPU.
    """
    try:
        yield
    except RuntimeError as error:  # torch.OutOfMemoryError is one, and TorchScript raises no other
        lack = lack_of(error, is_on_gpu=device != CPU)
        if lack is None:
            raise
        if device != CPU:
            torch.cuda.empty_cache()
        raise lack from error


def make_compute(module: Callable[..., Any], ask: Ask) -> Compute:
    """The function that runs a module on arrays."""
    device = torch.device(ask.device)

    def compute(inputs: list[NDArray[Any]]) -> NDArray[Any]:
        with told_lack(ask.device), torch.no_grad(), _precision(ask):
            output = _choose(module(*(torch.from_numpy(array).to(device) for array in inputs)), ask)
            if ask.autocast and output.dtype in (torch.float16, torch.bfloat16):
                output = output.float()
            found: NDArray[Any] = output.cpu().numpy()
        return found

    return compute


class Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the operations of matrix products, convolutions and attention while they run."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations = 0
        self.others: list[str] = []
        """Operators that multiply, nobody knows how often: of quantised numbers, of other libraries."""

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
        elif (name := operator._qualified_op_name.partition("::")[2]) in _EACH:  # noqa: SLF001 - the same
            self.operations += 2 * out.numel()
        elif name in _OF_INPUT:
            self.operations += 2 * max(arg.numel() for arg in args if isinstance(arg, torch.Tensor))
        elif func.namespace not in _KNOWN or name in _UNCOUNTED:
            self.others.append(operator._qualified_op_name)  # noqa: SLF001
        return out


def count_macs(compute: Compute, row: list[NDArray[Any]], *, is_capped: bool = False) -> float:
    """Multiplications with additions of one row, each a pair of operations.

    Raises:
        InvalidSubmission: FORBIDDEN_OPERATOR: they are capped, and an operator's cannot be counted.
    """
    is_fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.backends.mkldnn.flags(enabled=False), torch.no_grad(), Counter() as counter:
            compute(row)
    finally:
        torch.backends.mha.set_fastpath_enabled(is_fast)
    if is_capped and counter.others:
        raise InvalidSubmission.because(Reason.FORBIDDEN_OPERATOR, operator=show_text(counter.others[0]))
    return float(counter.operations / 2)


def _bound_memory(ask: Ask) -> int:
    """Let torch take no more of the GPU's memory than the challenge allows, counted without what CUDA itself needs."""
    number = number_of(ask.device)
    total = torch.cuda.get_device_properties(number).total_memory
    torch.cuda.empty_cache()  # what the libraries took when they were used once
    torch.cuda.set_per_process_memory_fraction(room_fraction(ask.gpu_memory_bytes, total), number)
    return room_bytes(ask.gpu_memory_bytes, total)


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
