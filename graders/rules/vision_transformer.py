"""A vision transformer: patches are embedded by one convolution at most, and rows of patches attend to each other."""

from __future__ import annotations

from collections.abc import Callable

import onnx

from challenges.phrases import Phrase, Words, say

CONVOLUTIONS = ("Conv", "ConvInteger", "ConvTranspose", "QLinearConv", "DeformConv")
LEAST_ATTENTIONS = 2
_PRODUCTS = ("MatMul", "Gemm", "Einsum", "MatMulInteger", "QLinearMatMul")
_BETWEEN = ("Mul", "Div", "Add", "Sub", "Where", "Cast", "Reshape", "Transpose", "Identity", "IsNaN")
"""What may stand between the product of queries and keys and its softmax, and after it: scale, mask, form."""
_STEPS = 6


def check(graph: onnx.GraphProto, output: str = "logits") -> list[Words]:
    """What a graph lacks to be a vision transformer; only what the output that is read depends on counts."""
    live = _live_nodes(graph, output)
    problems = []
    convolutions = _find_convolutions(live)
    if len(convolutions) > 1:
        problems.append(say(Phrase.CONVOLUTIONS, found=len(convolutions)))
    elif convolutions and not _embeds_patches(convolutions[0], graph):
        problems.append(say(Phrase.CONVOLUTION_OVERLAPS))
    attentions = count_attentions(live)
    if attentions < LEAST_ATTENTIONS:
        problems.append(say(Phrase.ATTENTIONS, found=attentions, least=LEAST_ATTENTIONS))
    return problems


def count(graph: onnx.GraphProto, output: str = "logits") -> dict[str, float]:
    """How many convolutions and attentions the output that is read depends on."""
    live = _live_nodes(graph, output)
    return {"convolutions": float(len(_find_convolutions(live))), "attentions": float(count_attentions(live))}


def count_attentions(nodes: list[onnx.NodeProto]) -> int:
    """How many softmax stand between two matrix products; operators `Attention` count as well."""
    makers = {name: node for node in nodes for name in node.output}
    takers: dict[str, list[onnx.NodeProto]] = {}
    for node in nodes:
        for name in node.input:
            takers.setdefault(name, []).append(node)
    found = sum(node.op_type == "Attention" for node in nodes)
    for node in nodes:
        if node.op_type == "Softmax":
            is_fed = _reaches(node, lambda n: [makers[name] for name in n.input if name in makers])
            found += is_fed and _reaches(node, lambda n: [t for name in n.output for t in takers.get(name, [])])
    return found


def _find_convolutions(nodes: list[onnx.NodeProto]) -> list[onnx.NodeProto]:
    return [node for node in nodes if node.op_type in CONVOLUTIONS]


def _reaches(node: onnx.NodeProto, step: Callable[[onnx.NodeProto], list[onnx.NodeProto]]) -> bool:
    """Whether a matrix product stands a few steps of scaling and forming away."""
    front = step(node)
    for _ in range(_STEPS):
        if any(n.op_type in _PRODUCTS for n in front):
            return True
        after = [further for n in front if n.op_type in _BETWEEN for further in step(n)]
        front = list({id(n): n for n in after}.values())
    return False


def _embeds_patches(node: onnx.NodeProto, graph: onnx.GraphProto) -> bool:
    attributes = {a.name: list(a.ints) for a in node.attribute}
    kernel = attributes.get("kernel_shape") or _kernel_of(node, graph)
    is_plain = not any(attributes.get("pads", [])) and all(d == 1 for d in attributes.get("dilations", []))
    return node.op_type == "Conv" and is_plain and bool(kernel) and attributes.get("strides") == kernel


def _kernel_of(node: onnx.NodeProto, graph: onnx.GraphProto) -> list[int]:
    return next((list(t.dims)[2:] for t in graph.initializer if t.name == node.input[1]), [])


def _live_nodes(graph: onnx.GraphProto, output: str) -> list[onnx.NodeProto]:
    """Nodes that the output depends on."""
    makers = {name: node for node in graph.node for name in node.output if name}
    waiting = [output]
    seen: dict[int, onnx.NodeProto] = {}
    while waiting:
        node = makers.get(waiting.pop())
        if node is not None and id(node) not in seen:
            seen[id(node)] = node
            waiting += node.input
    return list(seen.values())
