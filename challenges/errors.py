"""Why a submission or a package is refused: one closed enumeration, one sentence for each member.

    ChallengeError
    ├── InvalidSubmission    the participant's fault: reaches the participant, never holds hidden data
    ├── InvalidManifest      the organiser's fault: names the file, the field and the mend
    ├── InvalidMessage       a message on the wire is malformed, or of another protocol
    └── InvalidSource        a downloaded file is not the one its checksum promises

Anything else that is raised while grading is ours: its trace reaches the operator only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypedDict, Unpack, cast

from challenges.phrases import Code, Fact, Words
from challenges.records import dump_record

FIRST_FAULTS = 5
"""How many faults of one submission are told one by one; the rest are counted."""


class Reason(StrEnum):
    """Why a submission is rejected. Closed: the page, the API and the docs list exactly these."""

    EMPTY_FILE = "empty_file"
    TOO_LARGE = "too_large"
    WRONG_TYPE = "wrong_type"
    NOT_UTF8 = "not_utf8"
    EXPANDS_TOO_MUCH = "expands_too_much"
    PICKLED_OBJECT = "pickled_object"
    MALFORMED = "malformed"
    CELL_TOO_LARGE = "cell_too_large"
    TOO_MANY_COLUMNS = "too_many_columns"
    MISSING_COLUMN = "missing_column"
    UNKNOWN_COLUMN = "unknown_column"
    DUPLICATE_COLUMN = "duplicate_column"
    WRONG_DTYPE = "wrong_dtype"
    WRONG_SHAPE = "wrong_shape"
    EMPTY_CELL = "empty_cell"
    NOT_A_NUMBER = "not_a_number"
    NOT_FINITE = "not_finite"
    OUT_OF_RANGE = "out_of_range"
    UNKNOWN_LABEL = "unknown_label"
    TEXT_TOO_LONG = "text_too_long"
    INVISIBLE_CHARACTER = "invisible_character"
    DUPLICATE_ID = "duplicate_id"
    MISSING_ID = "missing_id"
    UNKNOWN_ID = "unknown_id"
    SCORE_UNDEFINED = "score_undefined"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    OUT_OF_GPU_MEMORY = "out_of_gpu_memory"
    TOO_MUCH_OUTPUT = "too_much_output"
    TOO_MANY_THREADS = "too_many_threads"
    CRASHED = "crashed"
    UNSAFE_FORMAT = "unsafe_format"
    MISSING_WEIGHTS = "missing_weights"
    WRONG_OPSET = "wrong_opset"
    FORBIDDEN_OPERATOR = "forbidden_operator"
    WRONG_SIGNATURE = "wrong_signature"
    FIXED_BATCH = "fixed_batch"
    MISSING_TENSOR = "missing_tensor"
    UNKNOWN_TENSOR = "unknown_tensor"
    WRONG_TENSOR = "wrong_tensor"
    BEYOND_CAP = "beyond_cap"
    RULE_BROKEN = "rule_broken"
    MODEL_FAILED = "model_failed"
    OUTPUT_NOT_FINITE = "output_not_finite"
    NOT_DETERMINISTIC = "not_deterministic"
    BATCH_DEPENDENT = "batch_dependent"
    NOT_CAUSAL = "not_causal"
    TOO_MANY_MEMBERS = "too_many_members"
    UNSAFE_MEMBER = "unsafe_member"
    DUPLICATE_MEMBER = "duplicate_member"
    UNKNOWN_MEMBER = "unknown_member"
    MISSING_MEMBER = "missing_member"
    MEMBER_TOO_LARGE = "member_too_large"
    WRONG_MEMBER = "wrong_member"
    MEMBER_NOT_FINITE = "member_not_finite"
    MEMBER_OUT_OF_RANGE = "member_out_of_range"
    TOO_MANY_ROWS = "too_many_rows"
    PROGRAM_FAILED = "program_failed"


SENTENCES: dict[Reason, str] = {
    Reason.EMPTY_FILE: "The file is empty. Upload the predictions file itself.",
    Reason.TOO_LARGE: "The file has {size_bytes} bytes; at most {limit_bytes} are accepted.",
    Reason.WRONG_TYPE: "The file looks like {found}; this challenge takes {expected}.",
    Reason.NOT_UTF8: "The file is not UTF-8 (first odd byte at position {position}). Save it as UTF-8.",
    Reason.EXPANDS_TOO_MUCH: ("Unpacked, the file would have {size_bytes} bytes; at most {limit_bytes} are accepted."),
    Reason.PICKLED_OBJECT: (
        "Array `{column}` holds pickled Python objects. Save plain numeric or text arrays instead."
    ),
    Reason.MALFORMED: "The file cannot be read as {expected}: {problem}.",
    Reason.CELL_TOO_LARGE: "Row {row}: a cell has more than {limit_bytes} bytes. Shorten it.",
    Reason.TOO_MANY_COLUMNS: "The file has {found} columns; expected {expected}.",
    Reason.MISSING_COLUMN: "Column `{column}` is missing. The header must be: `{expected}`.",
    Reason.UNKNOWN_COLUMN: "Column `{column}` is not expected. The header must be: `{expected}`.",
    Reason.DUPLICATE_COLUMN: "Column `{column}` appears twice in the header. Keep one.",
    Reason.WRONG_DTYPE: "Column `{column}` is {found}; it must be {expected}.",
    Reason.WRONG_SHAPE: "Array `{column}` has shape {found}; it must be {expected}.",
    Reason.EMPTY_CELL: "Row {row}: `{column}` is empty. Give a value for every row.",
    Reason.NOT_A_NUMBER: "Row {row}: `{column}` is `{value}`; it must be a number.",
    Reason.NOT_FINITE: "Row {row}: `{column}` is {value}; it must be a finite number.",
    Reason.OUT_OF_RANGE: "Row {row}: `{column}` is {value}; it must lie in {expected}.",
    Reason.UNKNOWN_LABEL: "Row {row}: `{column}` is `{value}`; it must be one of {expected}.",
    Reason.TEXT_TOO_LONG: "Row {row}: `{column}` has {found} characters; at most {limit} are taken. Shorten it.",
    Reason.INVISIBLE_CHARACTER: (
        "Row {row}: `{column}` holds {value}, which cannot be seen. Leave out control characters and line breaks."
    ),
    Reason.DUPLICATE_ID: "Row {row}: id `{value}` appears more than once. Give each id once.",
    Reason.MISSING_ID: "Id `{value}` is missing. Give one row for every id of the sample submission.",
    Reason.UNKNOWN_ID: "Row {row}: id `{value}` is not in the sample submission. Remove the row.",
    Reason.SCORE_UNDEFINED: "The metric has no finite value for these predictions: {problem}.",
    Reason.TIMED_OUT: "Grading took more than {limit_seconds} s and was stopped.",
    Reason.OUT_OF_MEMORY: "Grading needed more than {limit_bytes} bytes of memory and was stopped.",
    Reason.OUT_OF_GPU_MEMORY: (
        "The model needed more than {limit_bytes} bytes of the GPU's memory, in small batches too. Make it smaller."
    ),
    Reason.TOO_MUCH_OUTPUT: (
        "The submission wrote more than it may and was stopped. Print less, and return only the result."
    ),
    Reason.TOO_MANY_THREADS: "The submission started more than {limit} threads and was stopped. Use fewer.",
    Reason.CRASHED: (
        "The submission crashed while it was opened or run. "
        "`arena check FILE` makes the same checks on your own machine."
    ),
    Reason.UNSAFE_FORMAT: (
        "The file is {found}, which can run code when it is opened, and is not taken. Upload {expected}: "
        "`torch.onnx.export(model, …, external_data=False)` writes ONNX, "
        "`safetensors.torch.save_file(model.state_dict(), …)` writes safetensors."
    ),
    Reason.MISSING_WEIGHTS: (
        "The weights are missing: the model keeps them in `{file}`, which was not uploaded. Re-export with "
        "`external_data=False`, or upload a zip of `model.onnx` and `model.onnx.data`."
    ),
    Reason.WRONG_OPSET: (
        "The model uses version {found} of the operators; it must be {expected}. "
        "Re-export with `opset_version` in that range."
    ),
    Reason.FORBIDDEN_OPERATOR: (
        "The model uses operator `{operator}`, which is not taken: only standard operators are, "
        "without loops, branches, random numbers, sequences and text."
    ),
    Reason.WRONG_SIGNATURE: "The model's {place} is {found}; it must be {expected}. Change it before you export.",
    Reason.FIXED_BATCH: (
        "The model takes exactly {found} rows at once in `{tensor}`; it must take any number. "
        "Re-export with a dynamic first dimension (`dynamic_shapes` or `dynamic_axes`)."
    ),
    Reason.MISSING_TENSOR: "Tensor `{tensor}` is missing. Save the `state_dict()` of the challenge's architecture.",
    Reason.UNKNOWN_TENSOR: (
        "Tensor `{tensor}` is not one of the architecture's. Save the `state_dict()` of the challenge's architecture."
    ),
    Reason.WRONG_TENSOR: "Tensor `{tensor}` is {found}; the architecture has {expected}.",
    Reason.BEYOND_CAP: "The model's `{cost}` is {found}; at most {limit} is taken. Make the model smaller.",
    Reason.RULE_BROKEN: "The model breaks a rule of this challenge: {problem}.",
    Reason.MODEL_FAILED: "The model cannot be run on inputs of shape {shape}: {problem}.",
    Reason.OUTPUT_NOT_FINITE: (
        "The model's output holds NaN or infinity. Look for divisions, logarithms and roots without a guard."
    ),
    Reason.NOT_DETERMINISTIC: (
        "The model gives different outputs for the same input. Call `model.eval()` before you export: "
        "it switches dropout off."
    ),
    Reason.BATCH_DEPENDENT: (
        "The output for a row changes with the other rows of its batch. Call `model.eval()` before you export: "
        "it makes batch normalisation use what it learnt."
    ),
    Reason.NOT_CAUSAL: (
        "The output at a position changes with the tokens after it. "
        "Mask attention, and use no layer that reads backwards."
    ),
    Reason.TOO_MANY_MEMBERS: "The archive has {found} files; at most {limit} are taken.",
    Reason.UNSAFE_MEMBER: (
        "The archive's `{member}` is {found}, which is not taken. "
        "Pack plain files under relative paths, without a password."
    ),
    Reason.DUPLICATE_MEMBER: "The archive holds `{member}` twice. Keep one.",
    Reason.UNKNOWN_MEMBER: "The archive holds `{member}`, which is not expected. It must hold: {expected}.",
    Reason.MISSING_MEMBER: "The archive lacks `{member}`. It must hold: {expected}.",
    Reason.MEMBER_TOO_LARGE: (
        "The archive's `{member}` has {size_bytes} bytes when unpacked; at most {limit_bytes} are taken."
    ),
    Reason.WRONG_MEMBER: "The archive's `{member}` is {found}; it must be {expected}.",
    Reason.MEMBER_NOT_FINITE: "The archive's `{member}` holds {value} at {place}; every number must be finite.",
    Reason.MEMBER_OUT_OF_RANGE: "The archive's `{member}` holds {value} at {place}; it must lie in {expected}.",
    Reason.TOO_MANY_ROWS: "Id `{value}` has {found} rows; at most {limit} are taken. Keep the surest ones.",
    Reason.PROGRAM_FAILED: (
        "The program failed on a trial, before it had been told anything hidden: {problem}. "
        "Run it on the practice material of this challenge first."
    ),
}
"""English sentence for each reason; `str.format` with the fault's facts. Translated by the web's catalogues."""


class Facts(TypedDict, total=False):
    """All values that sentences name. What a sentence says outside of backticks is a number, code, or words."""

    place: Words | Code
    found: Words | Code | float
    expected: Words | Code | float
    problem: Words | Code
    row: int
    column: str
    value: str | float
    position: int
    size_bytes: int
    limit_bytes: int
    limit_seconds: float
    limit: float
    file: str
    member: str
    operator: str
    tensor: str
    cost: str
    shape: Code


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a submission: a reason and the facts that its sentence names."""

    reason: Reason
    facts: Facts = field(default_factory=Facts)

    @property
    def sentence(self) -> str:
        """The English sentence that says what is wrong, where, and what to do."""
        return SENTENCES[self.reason].format_map(self.named)

    @property
    def named(self) -> dict[str, Fact]:
        """The facts by name."""
        return cast("dict[str, Fact]", dict(self.facts))

    def to_dict(self) -> dict[str, Any]:
        """The fault as JSON-ready data."""
        return {"reason": self.reason.value, "facts": dump_record(self.named)}


class ChallengeError(Exception):
    """Root of the errors that this package raises."""


class InvalidSubmission(ChallengeError):
    """A submission that breaks the challenge's rules; every word of it reaches the participant.

    Args:
        faults: The first faults, at least one and at most `FIRST_FAULTS`.
        count: Number of all faults found, at least ``len(faults)``.
    """

    def __init__(self, faults: list[Fault], count: int | None = None) -> None:
        if not faults:
            message = "an invalid submission needs at least one fault"
            raise ValueError(message)
        self.faults = faults[:FIRST_FAULTS]
        self.count = max(count or 0, len(faults))
        super().__init__(" ".join(fault.sentence for fault in self.faults))

    @classmethod
    def because(cls, reason: Reason, **facts: Unpack[Facts]) -> InvalidSubmission:
        """Make the error of a single fault."""
        return cls([Fault(reason, facts)])


class InvalidManifest(ChallengeError):
    """A `challenge.toml` that cannot be used; the message names the field and the mend."""


class InvalidMessage(ChallengeError):
    """A queue message that is malformed, or speaks another protocol."""


class InvalidSource(ChallengeError):
    """A real data file that is missing, of another size, or of another sha256 than its manifest says."""
