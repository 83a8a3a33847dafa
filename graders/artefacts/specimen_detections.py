"""Specimens of detections: one small JSON file for each way in which such an upload is right, wrong or hostile."""

from __future__ import annotations

import json
from typing import Any

from challenges.artefacts import Artefacts, FileFormat, FileSpec
from challenges.errors import Reason
from challenges.texts import Text
from graders.artefacts.archives import Member, pack

Row = tuple[str, bytes, Reason | None]
"""What is special about an upload, the upload, and why it must be refused; None: it must be read."""

PATTERN, MOST = "found.json", 4
_FILE_BYTES = 200_000
DETECTIONS = Artefacts(
    files=[
        FileSpec(
            "found",
            PATTERN,
            FileFormat.DETECTIONS,
            Text("Specimen", "样本"),
            ids="rows.csv",
            file_bytes=_FILE_BYTES,
            categories=3,
            most_per_id=MOST,
            minimum=-100.0,
            maximum=100.0,
        )
    ],
    unpacked_bytes=1_000_000,
)


def detection(**others: Any) -> dict[str, Any]:
    """A right detection, some of its values replaced."""
    return {"image_id": "a1", "category_id": 2, "bbox": [1, 2.5, 30, 40], "score": 0.75, **others}


def dump(*rows: Any) -> bytes:
    """Detections as an upload."""
    return json.dumps(rows).encode()


def rows_of_detections() -> list[Row]:
    """All specimens."""
    return [*_right(), *_wrong_files(), *_wrong_rows(), *_wrong_values(), *_hostile()]


def _right() -> list[Row]:
    many = [detection(image_id=name, score=place) for name in ("c3", "a1") for place in range(MOST)]
    more = detection(category_id=3.0, score=-2, bbox=[-100, 0, 1e-9, 100], area=7, segmentation=[[1]])
    return [
        ("detections", dump(*many), None),
        ("detections with other keys, whole floats and boxes that stick out", dump(more), None),
        ("no detection at all", b"[]", None),
        ("detections in an archive", pack([Member(PATTERN, dump(detection()))]), None),
        ("a mark before them, and line feeds", b"\xef\xbb\xbf" + json.dumps([detection()], indent=1).encode(), None),
    ]


def _wrong_files() -> list[Row]:
    coco = {"images": [], "annotations": [detection()]}
    lines = b"\n".join(json.dumps(detection()).encode() for _ in range(2))
    return [
        ("nothing instead of detections", b"", Reason.EMPTY_FILE),
        ("blank lines instead of detections", b" \n", Reason.EMPTY_FILE),
        ("detections of too many bytes", dump(detection()) + b" " * _FILE_BYTES, Reason.TOO_LARGE),
        ("detections in UTF-16", json.dumps([detection()]).encode("utf-16"), Reason.NOT_UTF8),
        ("a file of annotations", json.dumps(coco).encode(), Reason.MALFORMED),
        ("one object for each line", lines, Reason.MALFORMED),
        ("half of the detections", dump(detection())[:-20], Reason.MALFORMED),
        ("a table of detections", b"image_id,category_id\na1,2\n", Reason.MALFORMED),
        ("a picture instead of detections", b"\x89PNG\r\n\x1a\n" + bytes(60), Reason.NOT_UTF8),
        ("another file in the archive", pack([Member("other.json", dump())]), Reason.UNKNOWN_MEMBER),
    ]


def _wrong_rows() -> list[Row]:
    without = {key: value for key, value in detection().items() if key != "score"}
    crowd = [detection(image_id="b2") for _ in range(MOST + 1)]
    return [
        ("a number for a detection", dump(detection(), 7), Reason.MALFORMED),
        ("a list for a detection", dump([1, 2]), Reason.MALFORMED),
        ("a detection without a score", dump(without), Reason.MALFORMED),
        ("a key twice in a detection", dump(detection()).replace(b"}", b', "score": 1}'), Reason.MALFORMED),
        ("an id that is no picture's", dump(detection(), detection(image_id="d4")), Reason.UNKNOWN_ID),
        ("too many detections of a picture", dump(*crowd), Reason.TOO_MANY_ROWS),
    ]


def _wrong_values() -> list[Row]:
    typed: list[tuple[str, Any]] = [("image_id", 3), ("category_id", "2"), ("category_id", True), ("score", None)]
    typed += [("bbox", box) for box in ("1 2 3 4", [1, 2, 3], [1, 2, "3", 4])]
    beyond: list[tuple[str, Any]] = [("category_id", 0), ("category_id", 4), ("category_id", 1.5)]
    beyond += [("bbox", box) for box in ([1, 2, 0, 4], [1, 2, 3, -4], [-101, 2, 3, 4], [1, 2, 101, 4])]
    infinite = [("score", float("nan")), ("score", float("inf")), ("bbox", [1, float("-inf"), 3, 4])]
    groups = ((Reason.WRONG_DTYPE, typed), (Reason.OUT_OF_RANGE, beyond), (Reason.NOT_FINITE, infinite))
    return [
        (f"{key} {json.dumps(value)}", dump(detection(**{key: value})), reason)
        for reason, pairs in groups
        for key, value in pairs
    ]


def _hostile() -> list[Row]:
    def with_score(number: bytes) -> bytes:
        return dump(detection()).replace(b"0.75", number)

    keys = b",".join(b'"k%d":0' % number for number in range(15_000))
    return [
        ("lists nested deeply", b"[" * 100_000, Reason.MALFORMED),
        ("lists nested deeply and closed", b"[" * 90_000 + b"]" * 90_000, Reason.MALFORMED),
        ("objects nested deeply", b'[{"bbox":' * 20_000, Reason.MALFORMED),
        ("a whole number of a hundred thousand digits", with_score(b"9" * 100_000), Reason.NOT_FINITE),
        ("a number beyond float64", with_score(b"1e999"), Reason.NOT_FINITE),
        ("an id of a hundred thousand letters", dump(detection(image_id="a" * 100_000)), Reason.UNKNOWN_ID),
        ("half of a surrogate pair", dump(detection(image_id="\ud800")), Reason.UNKNOWN_ID),
        ("an id with a zero byte", dump(detection(image_id="a1\0a1")), Reason.UNKNOWN_ID),
        ("thousands of keys, the last one twice", b'[{%s,"k14999":1}]' % keys, Reason.MALFORMED),
        ("sixty thousand empty lists", b"[" + b"[]," * 60_000 + b"[]]", Reason.MALFORMED),
    ]
