"""Rules that a challenge sets for the graph of an ONNX model, one file each.

`check(graph, output) -> list[Words]` of each says what breaks the rule, in phrases of the vocabulary; nothing where it
is kept. `count(graph, output) -> dict[str, float]` says what was found in a graph that keeps it, by names of `COUNTED`,
and is shown with the costs of a scored model. `output` is the name of the one that is read: what no score depends on
keeps no rule.
"""

COUNTED = ("convolutions", "attentions")
"""All that rules may count: a grader takes no other word from the sandbox."""
