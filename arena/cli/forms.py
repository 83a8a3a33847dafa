"""What a submission must be, in the words of the command line: tables, archives, programs, models."""

from __future__ import annotations

from typing import Any

from arena.cli.language import _


def describe_format(form: dict[str, Any]) -> dict[str, object]:
    """What a submission must be: the columns of a table, the parts of an archive, or a model's tensors and caps."""
    model = form.get("model")
    if form.get("artefacts"):
        return _describe_artefacts(form["artefacts"], form["id"], form["formats"])
    if form.get("program"):
        return _describe_program(form["program"])
    if model is None:
        columns = [form["id"], *(column["name"] for column in form["columns"])]
        return {_("Columns"): ", ".join(columns), _("Formats"): ", ".join(form["formats"])}
    words = {
        "parameters": _("parameters"),
        "weight_bytes": _("bytes of weights"),
        "macs": _("MACs for one row"),
        "latency_ratio": _("times the reference's time for one row"),
    }
    caps = [f"{value:,} {words.get(name, name)}" for name, value in model["caps"].items() if value]
    told: dict[str, object] = {
        _("Model"): ", ".join(model["formats"]),
        _("Inputs"): "\n".join(_show_tensor(tensor) for tensor in model["inputs"]),
        _("Output"): _show_tensor(model["output"]),
        _("Opset"): " – ".join(map(str, model["opsets"])) if "onnx" in model["formats"] else "",
        _("Architecture"): model["architecture"],
        _("At most"): ", ".join(caps),
        _("Rule"): model["rule"].replace("_", " "),
        _("Beside the model"): ", ".join(model["attachments"]),
    }
    return {name: value for name, value in told.items() if value}


def _describe_artefacts(artefacts: dict[str, Any], id_column: str, formats: list[str]) -> dict[str, object]:
    """The arrays of an NPZ file, or the files of a zip archive, or a file that need not be packed."""
    if artefacts["arrays"]:
        lines = [f"{a['name']} {a['dtype']} {a['shape']}: {a['description']}" for a in artefacts["arrays"]]
        return {_("Arrays (.npz)"): "\n".join(lines)}
    lines = [f"{file['pattern']} {_show_form(file, id_column)}: {file['description']}" for file in artefacts["files"]]
    named = _("Files ({endings})").format(endings=", ".join(f".{ending}" for ending in formats))
    return {named: "\n".join(lines)}


def _describe_program(program: dict[str, Any]) -> dict[str, object]:
    """The files of a program, and what one run may take."""
    optional = _("(optional)")
    lines = [
        f"{file['name']}{'' if file['required'] else ' ' + optional}: {file['description']}"
        for file in program["files"]
    ]
    return {
        _("Program (.zip)"): "\n".join(lines),
        _("One run"): _("{seconds} s of processor time").format(seconds=program["run_seconds"]),
    }


def _show_form(file: dict[str, Any], id_column: str) -> str:
    ids = _("ids of {file}").format(file=file["ids"]) if file["ids"] else ""
    form = {"picture": "PNG", "table": "CSV", "detections": "COCO JSON"}.get(file["format"], "UTF-8")
    size = f"{file['width']} × {file['height']} {file['mode']}" if file["format"] == "picture" else ""
    named = ", ".join([id_column, *file["columns"]]) if file["columns"] else ""
    like = _("columns of {file}").format(file=file["like"]) if file["like"] else ""
    most = _("up to {count} columns").format(count=file["most_columns"]) if file["most_columns"] else ""
    kinds = _("{count} categories").format(count=file["categories"]) if file["categories"] else ""
    each = _("up to {count} for each id").format(count=file["most_per_id"]) if file["most_per_id"] else ""
    return f"({', '.join(word for word in (form, size, named, like, most, kinds, each, ids) if word)})"


def _show_tensor(tensor: dict[str, Any]) -> str:
    first, *others = tensor["shape"]
    sizes = ", ".join([_("rows") if first < 0 else str(first), *(_("any") if n < 0 else str(n) for n in others)])
    span = f" 0…{tensor['below'] - 1}" if tensor["below"] else ""
    return f"{tensor['name']} {tensor['dtype']} [{sizes}]{span}: {tensor['description']}"
