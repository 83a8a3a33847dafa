"""Rules that a challenge sets for the graph of an ONNX model, one file each.

`check(graph) -> list[str]` of each says in a few words what breaks the rule; nothing where it is kept.
"""
