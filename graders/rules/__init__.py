"""Rules that a challenge sets for the graph of an ONNX model, one file each.

`check(graph, output) -> list[Words]` of each says what breaks the rule, in phrases of the vocabulary; nothing where it
is kept. `output` is the name of the one that is read: what no score depends on keeps no rule.
"""
