"""Words within a refusal's sentence: a closed vocabulary, so that every language can say them.

A fact of a fault is a number, a name or a piece of code, which is the same in all languages, or `Words`. Words travel
as `{"phrase": KEY, "facts": {…}}`, whose facts may be words again, and become text where the reader's language is
known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, unique
from functools import reduce
from typing import Any, NewType

Code = NewType("Code", str)
"""Text that is the same in every language: a name, a shape, a type, a range, a format, what a library said."""


@unique
class Phrase(Enum):
    """All that a refusal says in words beside its sentence: the English text, with the places of its own facts.

    The member's name in lower case is its key on the wire. Translated by the web's catalogues.
    """

    # formats of files
    ARCHIVE = "an archive ({format})"
    IMAGE = "an image ({format})"
    DOCUMENT = "a document ({format})"
    DATABASE = "a database ({format})"
    OFFICE_DOCUMENT = "an Office document"
    PROGRAM = "a program"
    WEB_PAGE = "a web page"
    JSON_ARRAY = "one JSON array"
    ZIP = "a zip archive"
    ONNX_ZIP = "a zip of `model.onnx`"
    PICKLE = "a Python pickle (`.pkl`, or an old `.pt`)"
    TORCH_PICKLE = "a PyTorch pickle (`.pt`)"
    EXPORTED = "a `torch.export` archive (`.pt2`)"
    SOMETHING_ELSE = "something else"

    # how words join
    EITHER = "{first} or {second}"
    BOTH = "{first}; {second}"
    SPAN = "{least} to {most}"
    WHOLE = "{span} and be whole"
    IN_ROW = "{found} in row {row}"
    ONE_OF = "one of {labels}"

    # values of cells
    TEXT = "text"
    TEXT_OR_WHOLE = "text or a whole number"
    NUMBER = "a number"
    NUMBERS = "numbers"
    NUMBER_WITH_POINT = "a number with a point"
    TRUE_OR_FALSE = "true or false"
    LIST = "a list"
    OBJECT = "an object"
    NESTED = "nested"
    ONE_VALUE = "one value per row"
    PLAIN_ARRAY = "a plain array of numbers or text"

    # tables
    CARRIAGE_RETURNS = "its lines end with a carriage return alone; end them with a line feed"
    BROKEN_HEADER = "the header is broken (`{said}`)"
    BROKEN_ROW = "row {row} is broken (`{said}`)"
    LONG_ROW = "row {row} has {found} cells, the header has {expected}"
    OPEN_QUOTE = "a quotation mark is not closed, or stands inside a cell"
    DEEP_ROW = "row {row} is nested too deeply"
    NO_OBJECT = "row {row} is not an object"
    ENCRYPTED = "it is encrypted"
    ARRAY_SIZE = "array `{name}` has not the size that its header promises"
    ARRAY_HEADER = "array `{name}` has no legal header"
    BROKEN_METADATA = "its metadata are broken (`{said}`)"
    CUT_OFF = "it is cut off, or no Parquet file"

    # archives
    NO_DIRECTORY = "its directory is missing or too large"
    MANY_ENTRIES = "it has more than {limit} entries"
    NAME_TWICE = "a name appears twice in it"
    ODD_ENTRY = "`{name}` is encrypted, or packed in another way than stored or deflated"
    LINK = "`{name}` is a link"
    BROKEN_ENTRY = "`{name}` cannot be unpacked (`{said}`)"
    ENTRY_SIZE = "`{name}` has not the size that its directory promises"

    # artefacts
    SYMBOLIC_LINK = "a symbolic link"
    NO_PLAIN_FILE = "no plain file"
    LOCKED = "encrypted"
    ODD_METHOD = "packed in another way than stored or deflated"
    ABSOLUTE_PATH = "an absolute path"
    PATH_UPWARDS = "a path with `..`"
    ODD_PATH = "a path of another form than `folder/file`"
    ARRAY_OF = "an array of `{type}`"
    ODD_BYTES = "array `{name}` holds bytes that are neither true nor false"
    PICTURE = "a PNG picture of {width} × {height} pixels, `{mode}`, with {bits} bits for each channel"
    NO_PICTURE = "no PNG picture"
    BROKEN_PICTURE = "a broken PNG picture (`{said}`)"
    TWO_HEADERS = "a PNG picture with two headers"
    CSV_TABLE = "a CSV table"
    IN_FILE = "in `{name}` {problem}"
    NOT_UTF8 = "`{name}` is not UTF-8 (first odd byte at position {position})"
    ZERO_BYTE = "`{name}` holds a zero byte"
    NO_HEADER = "its first line is no header of column names"
    COLUMN_ORDER = "its columns must stand in this order: {expected}"
    COLUMN_NAME = "`{name}` is no name of a column"
    NO_COLUMN = "it has no column beside the id"
    COCO_RESULTS = "COCO results (JSON)"
    BROKEN_JSON = "it is no JSON (`{said}`)"
    DEEP_JSON = "it is nested too deeply"
    NO_JSON_ARRAY = "it is not one JSON array of detections"
    KEY_TWICE = "row {row} has `{name}` twice"
    NO_KEY = "row {row} has no `{name}`"
    BOX = "a list of four numbers (x, y, width, height)"

    # programs
    PYTHON_FILE = "a Python program"
    NO_PYTHON = "no Python program (line {row}: `{said}`)"
    PROGRAM_LEFT = "it ended before it was asked to"
    PROGRAM_DIED = "it died without a word"
    ODD_ANSWER = "it answered something else than it was asked for"
    SILENT_APP = "it took a connection and closed it without an answer"

    # ONNX
    NO_GRAPH = "it holds no graph"
    FORMAT_VERSION = "its format has version {found}; it must be {expected}"
    NO_VERSION = "none"
    CONSTANT_TYPE = "constant `{name}` has a type that is not taken"
    CONSTANT_NEGATIVE = "constant `{name}` has a negative size"
    CONSTANT_SIZE = "constant `{name}` has {found} bytes for {count} numbers"
    CONSTANT_EMPTY = "constant `{name}` is empty"
    NO_PROTOCOL_BUFFER = "it is not a protocol buffer of that kind"
    ZIP_LACKS = "the zip holds no `{name}`"
    ZIP_HOLDS = "the zip holds `{name}`; it may hold {expected}"
    CONSTANTS_OVERLAP = "constants overlap in the file of weights"
    WEIGHTS_ELSEWHERE = "weights of `{name}` lie in `{found}`; only `{expected}` is taken"
    WEIGHTS_NOWHERE = "weights of `{name}` have no legal place"
    WEIGHTS_OUTSIDE = "weights of `{name}` lie outside of `{file}`"

    # safetensors and TorchScript
    HEADER_LENGTH = "its header claims {found} bytes; at most {limit} are taken, within the file"
    HEADER_BROKEN = "its header is no JSON object with each name once (`{said}`)"
    HEADER_NO_OBJECT = "its header is no JSON object"
    TENSORS_OVERLAP = "its tensors overlap or leave holes"
    TENSORS_END = "its tensors do not end where the file ends"
    TENSOR_ILLEGAL = "tensor `{name}` has no legal type, shape and place"
    NOT_LOADED = "`torch.jit.load` does not take it"
    CODE_RAISED = "its code raised an error"
    MORE_ON_HIDDEN = "larger on hidden inputs"

    # what goes into a model and comes out
    INPUT = "input `{name}`"
    OUTPUT = "output `{name}`"
    INPUTS = "list of inputs"
    OUTPUTS = "list of outputs"
    NOTHING = "nothing"
    NO_TENSOR = "no tensor"
    TENSOR_OF = "a tensor of `{type}`"
    OF_TYPE = "of type `{type}`"
    OF_SHAPE = "of shape {shape}"
    OF_UNKNOWN_SHAPE = "of unknown shape"
    OF_SHAPE_FOR_ROWS = "of shape {shape} for {rows} rows"

    # rules of graphs
    CONVOLUTIONS = "it has {found} convolutions; one, which embeds the patches, is allowed"
    CONVOLUTION_OVERLAPS = "its convolution overlaps: the stride must be the kernel's size, without padding"
    ATTENTIONS = "it has {found} softmax between matrix products; at least {least} are needed"

    # checks at home
    NO_SANDBOX = "The file was opened without a sandbox, and without limits of time and memory: {problem}."
    OTHER_SYSTEM = "sandboxes need Linux, and this is `{system}`"

    # metrics
    NOT_FINITE = "it is not finite"
    OVERFLOW = "the numbers are so large that the error overflows"
    NO_ROWS = "there are no rows to score"
    ONE_CLASS = "all rows are of one class"
    ALL_EQUAL = "all numbers are equal"
    ONE_ROW = "R² needs at least two rows"
    NO_LOGARITHM = "a number is -1 or less, and has no logarithm of 1 + x"

    @property
    def key(self) -> str:
        """Its name on the wire."""
        return self.name.lower()

    @property
    def places(self) -> set[str]:
        """Names of the facts that it needs."""
        return set(_PLACES.findall(self.value))


_PLACES = re.compile(r"\{(\w+)\}")
_BY_KEY = {phrase.key: phrase for phrase in Phrase}


@dataclass(frozen=True)
class Words:
    """A phrase with its facts; as text, it is in English."""

    phrase: str
    """Key of a `Phrase`; of one that is not known here where it comes from a grader that is newer."""
    facts: dict[str, str | int | float | Words] = field(default_factory=dict)

    def __str__(self) -> str:
        """In English."""
        return str(tell_fact(self))


Fact = str | int | float | Words
"""A value that a sentence names."""


def say(phrase: Phrase, **facts: Code | float | Words) -> Words:
    """Words of the vocabulary.

    Raises:
        ValueError: The facts are not those that the phrase names.
    """
    if phrase.places != set(facts):
        raise ValueError(f"{phrase.key} needs {sorted(phrase.places)}, not {sorted(facts)}")
    return Words(phrase.key, dict(facts))


def join(phrase: Phrase, parts: Sequence[Words | Code]) -> Words | Code:
    """One or more parts, joined by `Phrase.EITHER` or `Phrase.BOTH`."""
    return reduce(lambda first, second: say(phrase, first=first, second=second), parts)


def find_phrase(key: str) -> Phrase | None:
    """The phrase of a key, if there is one."""
    return _BY_KEY.get(key)


def tell_facts(facts: Mapping[str, Any], translate: Callable[[str], str] = str) -> dict[str, str | int | float]:
    """A fault's facts with all words told.

    Args:
        facts: As raised, or as JSON. Refusals that were stored before there were phrases hold English text.
        translate: Turns the English text of a phrase into the reader's language.
    """
    return {name: tell_fact(fact, translate) for name, fact in facts.items()}


def tell_fact(fact: Any, translate: Callable[[str], str] = str) -> str | int | float:
    """One fact; of words that are not known here, their key as code."""
    if isinstance(fact, dict):
        fact = Words(str(fact.get("phrase")), dict(fact.get("facts") or {}))
    if isinstance(fact, str | int | float):
        return fact
    phrase = find_phrase(fact.phrase) if isinstance(fact, Words) else None
    if phrase is None or not phrase.places <= set(fact.facts):
        return f"`{getattr(fact, 'phrase', '?')}`"
    return translate(phrase.value).format_map(tell_facts(fact.facts, translate))
