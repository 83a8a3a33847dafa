"""What the API tells of the programs that a challenge takes."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, Field

from arena.formatting import format_local
from challenges.programs import ProgramFile, ProgramSpec


class ProgramFileOut(BaseModel):
    """A file that is asked for."""

    name: str = Field(description="Path in the archive.")
    description: str
    required: bool

    @classmethod
    def of(cls, file: ProgramFile, language: str) -> Self:
        """The file in a language."""
        return cls(
            name=file.name, description=format_local(file.description, language=language), required=file.required
        )


class ProgramOut(BaseModel):
    """The programs a challenge takes: a zip archive of files."""

    files: list[ProgramFileOut] = Field(description="Files that are asked for; others may lie beside them.")
    most_files: int
    unpacked_bytes: int = Field(description="All files of the archive together, unpacked.")
    run_seconds: int = Field(description="Processor time of one run, in seconds.")

    @classmethod
    def of(cls, program: ProgramSpec, language: str) -> Self:
        """The program in a language."""
        return cls(
            files=[ProgramFileOut.of(file, language) for file in program.files],
            most_files=program.most_files,
            unpacked_bytes=program.unpacked_bytes,
            run_seconds=program.run_seconds,
        )
