"""What the API tells of the artefacts that a challenge takes."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, Field

from arena.formatting import format_local
from challenges.artefacts import ArraySpec, Artefacts, FileFormat, FileSpec, show_shape


class ArrayOut(BaseModel):
    """An array of an NPZ file."""

    name: str
    dtype: str
    shape: str = Field(description="Sizes, such as `(1..24, 784)`; `any` for any.")
    description: str
    finite: bool = Field(description="NaN and infinity are refused.")
    minimum: float | None
    maximum: float | None

    @classmethod
    def of(cls, array: ArraySpec, language: str) -> Self:
        """The array in a language."""
        return cls(
            name=array.name,
            dtype=array.dtype,
            shape=show_shape(array.shape),
            description=format_local(array.description, language=language),
            finite=array.finite,
            minimum=array.minimum,
            maximum=array.maximum,
        )


class ArtefactFileOut(BaseModel):
    """A file of a zip archive, or one for each id; the only file of all need not be packed."""

    pattern: str = Field(description="Path in the archive; `*` stands for an id.")
    format: FileFormat
    description: str
    ids: str = Field(description="Public file whose id column lists the rows, or the files, that must be there.")
    file_bytes: int
    width: int = Field(description="Of a picture, in pixels.")
    height: int = Field(description="Of a picture, in pixels.")
    mode: str = Field(description="Of a picture: `RGB` or `L`.")
    columns: list[str] = Field(description="Of a table: its columns beside the id; empty: of any names.")
    most_columns: int = Field(description="Of a table with columns of any names: how many there may be.")
    like: str = Field(description="Of a table: path of another one with the same columns in the same order.")
    categories: int = Field(description="Of detections: how many categories there are, numbered from 1.")
    most_per_id: int = Field(description="Of detections: how many there may be for one id.")
    minimum: float | None
    maximum: float | None

    @classmethod
    def of(cls, file: FileSpec, artefacts: Artefacts, language: str) -> Self:
        """The file in a language."""
        return cls(
            pattern=file.pattern,
            format=file.format,
            description=format_local(file.description, language=language),
            ids=file.ids,
            file_bytes=file.file_bytes,
            width=file.width,
            height=file.height,
            mode=file.mode,
            columns=file.columns,
            most_columns=file.most_columns,
            like=next((other.pattern for other in artefacts.files if other.name == file.like), ""),
            categories=file.categories,
            most_per_id=file.most_per_id,
            minimum=file.minimum,
            maximum=file.maximum,
        )


class ArtefactsOut(BaseModel):
    """The artefacts a challenge takes: an NPZ file of arrays, or a zip archive of files."""

    arrays: list[ArrayOut]
    files: list[ArtefactFileOut]
    unpacked_bytes: int = Field(description="All files of the archive together, unpacked.")

    @classmethod
    def of(cls, artefacts: Artefacts, language: str) -> Self:
        """The artefacts in a language."""
        return cls(
            arrays=[ArrayOut.of(array, language) for array in artefacts.arrays],
            files=[ArtefactFileOut.of(file, artefacts, language) for file in artefacts.files],
            unpacked_bytes=artefacts.unpacked_bytes,
        )
