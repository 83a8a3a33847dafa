"""What the API tells of challenges and their files, in the reader's language."""

from __future__ import annotations

import datetime as dt
from typing import Self
from urllib.parse import quote
from uuid import UUID

from pydantic import BaseModel, Field

from arena.catalogue.artefacts import ArtefactsOut
from arena.catalogue.datasets import public_files
from arena.catalogue.files import content_type_of
from arena.catalogue.levels import Level, levels_of
from arena.catalogue.manifests import manifest_of
from arena.catalogue.modelling import ModelOut
from arena.catalogue.models import Challenge, Dataset
from arena.catalogue.programs import ProgramOut
from arena.catalogue.timeline import Phase, phase_of
from arena.formatting import format_local
from arena.translations import CHINESE
from challenges.manifest import Baseline, Column, ColumnType, Direction, Manifest, Metric


class MetricOut(BaseModel):
    """How submissions are scored."""

    name: str = Field(description="Name of the metric.")
    title: str = Field(description="Name to show.")
    direction: Direction = Field(description="Which end is better.")
    decimals: int = Field(description="Digits after the point of a shown score.")

    @classmethod
    def of(cls, metric: Metric, language: str) -> Self:
        """The metric in a language."""
        title = format_local(metric.title, language=language) or metric.name.replace("_", " ")
        return cls(name=metric.name, title=title, direction=metric.direction, decimals=metric.decimals)


class ColumnOut(BaseModel):
    """A column of the predictions table."""

    name: str
    type: ColumnType
    description: str
    labels: list[str] = Field(description="For labels: the legal ones.")
    names: list[str] = Field(description="What each label is called, in the order of the labels; empty: as it is.")
    minimum: float | None
    maximum: float | None
    exclusive_minimum: bool = Field(description="The minimum itself is not legal.")
    optional_group: str = Field(description="Columns of one group come all together or not at all; empty: required.")

    @classmethod
    def of(cls, column: Column, language: str) -> Self:
        """The column in a language."""
        return cls(
            name=column.name,
            type=column.type,
            description=format_local(column.description, language=language),
            labels=column.labels,
            names=[format_local(name, language=language) for name in column.names],
            minimum=column.minimum,
            maximum=column.maximum,
            exclusive_minimum=column.exclusive_minimum,
            optional_group=column.optional_group,
        )


class SubmissionFormat(BaseModel):
    """What a submission has to look like."""

    kind: str = Field(description="How an upload becomes something that can be scored.")
    id: str = Field(description="Name of the id column; for models, of the rows that are predicted.")
    columns: list[ColumnOut] = Field(description="For models: what is read of their outputs.")
    formats: list[str] = Field(description="File formats that are read; for models see `model`.")
    model: ModelOut | None = Field(description="What a model must look like; null where something else is sent.")
    artefacts: ArtefactsOut | None = Field(description="What an upload must hold; null where something else is sent.")
    program: ProgramOut | None = Field(description="What a program must be; null where something else is sent.")

    @classmethod
    def of(cls, manifest: Manifest, language: str) -> Self:
        """The format in a language."""
        table = manifest.submission
        return cls(
            kind=manifest.kind,
            id=table.id,
            columns=[ColumnOut.of(column, language) for column in table.columns],
            formats=formats_of(manifest),
            model=ModelOut.of(manifest.model, language) if manifest.model else None,
            artefacts=ArtefactsOut.of(manifest.artefacts, language) if manifest.artefacts else None,
            program=ProgramOut.of(manifest.program, language) if manifest.program else None,
        )


def formats_of(manifest: Manifest) -> list[str]:
    """File formats of tables, kinds of models, or those of artefacts and programs."""
    made = manifest.artefacts or manifest.program
    if made is not None:
        return [ending.removeprefix(".") for ending in made.endings]
    return manifest.submission.formats if manifest.model is None else manifest.model.formats


class LimitsOut(BaseModel):
    """What one submission may cost."""

    upload_bytes: int
    per_day: int = Field(description="Submissions of one team that count, per day (UTC).")
    grade_seconds: int


class BaselineOut(BaseModel):
    """A reference score."""

    name: str
    score: float

    @classmethod
    def of(cls, baseline: Baseline, language: str) -> Self:
        """The baseline in a language."""
        return cls(name=format_local(baseline.name, language=language), score=baseline.score)


class LevelsOut(BaseModel):
    """Scores that earn a level; null where none were measured on the data in use."""

    passing: float | None = None
    good: float | None = None
    excellent: float | None = None
    secondary: dict[str, dict[Level, float]] = Field(
        description="What levels ask for besides: by the name of a secondary metric, then by level."
    )

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        """The levels of a challenge."""
        levels, secondary = levels_of(manifest), dict[str, dict[Level, float]]()
        for asked in levels:
            for metric, value in asked.besides:
                secondary.setdefault(metric.name, {})[asked.level] = value
        return cls(**{asked.level.value: asked.score for asked in levels}, secondary=secondary)


class DatasetOut(BaseModel):
    """The data in use."""

    id: UUID
    version: str
    source: str = Field(description="`offline`, or a real source of the challenge.")
    digest: str | None
    honour_system: bool = Field(description="The official answers are public: the board awards no ranking points.")
    licence: str
    licence_url: str

    @classmethod
    def of(cls, dataset: Dataset, manifest: Manifest) -> Self:
        """The dataset and the licence of its source."""
        source = manifest.sources.get(dataset.source)
        return cls(
            id=dataset.id,
            version=dataset.version,
            source=dataset.source,
            digest=dataset.digest,
            honour_system=dataset.honour_system,
            licence=source.licence if source else manifest.data_licence,
            licence_url=source.licence_url if source else "",
        )


class ChallengeOut(BaseModel):
    """A challenge in a list."""

    slug: str
    title: str = Field(description="In the reader's language.")
    summary: str = Field(description="In the reader's language.")
    state: Phase = Field(description="Whether submissions are taken now.")
    stage: str
    hours: float = Field(description="How long a beginner needs.")
    tags: list[str]
    metric: MetricOut
    opens_at: dt.datetime | None
    deadline: dt.datetime | None = Field(description="End of submissions, and the reveal; null: practice.")
    dataset: DatasetOut | None = Field(description="The data in use; null while the first is being prepared.")

    @classmethod
    def of(cls, challenge: Challenge, language: str, now: dt.datetime) -> Self:
        """The challenge in a language, at a moment."""
        return cls(**_facts_of(challenge, manifest_of(challenge), language, now))


class ChallengeDetail(ChallengeOut):
    """All there is to know about a challenge before starting."""

    language: str = Field(description="Language of all texts: `en` or `zh`.")
    description: str = Field(description="Markdown, in the reader's language.")
    submission: SubmissionFormat
    limits: LimitsOut
    levels: LevelsOut
    baselines: list[BaselineOut]
    secondary: list[MetricOut]

    @classmethod
    def of(cls, challenge: Challenge, language: str, now: dt.datetime) -> Self:
        """The challenge in a language, at a moment."""
        manifest = manifest_of(challenge)
        limits = manifest.limits
        return cls(
            **_facts_of(challenge, manifest, language, now),
            language="zh" if language == CHINESE else "en",
            description=format_local(challenge.descriptions, language=language),
            submission=SubmissionFormat.of(manifest, language),
            limits=LimitsOut(
                upload_bytes=limits.upload_bytes, per_day=limits.per_day, grade_seconds=limits.grade_seconds
            ),
            levels=LevelsOut.of(manifest),
            baselines=[BaselineOut.of(baseline, language) for baseline in manifest.baselines],
            secondary=[MetricOut.of(metric, language) for metric in manifest.secondary],
        )


def _facts_of(challenge: Challenge, manifest: Manifest, language: str, now: dt.datetime) -> dict[str, object]:
    return {
        "slug": challenge.slug,
        "title": format_local(manifest.title, language=language),
        "summary": format_local(manifest.summary, language=language),
        "state": phase_of(challenge, now),
        "stage": manifest.stage,
        "hours": manifest.hours,
        "tags": manifest.tags,
        "metric": MetricOut.of(manifest.metric, language),
        "opens_at": challenge.opens_at,
        "deadline": challenge.deadline,
        "dataset": DatasetOut.of(challenge.dataset, manifest) if challenge.dataset else None,
    }


class FileOut(BaseModel):
    """A file to download."""

    name: str
    size_bytes: int
    digest: str = Field(description="sha256, lower-case hex; also the ETag.")
    content_type: str
    url: str = Field(description="Where to download it; ranges are served.")


class FilesOut(BaseModel):
    """The public files of the data in use, in order; the archive `<slug>.zip` holds all others."""

    challenge: str
    dataset: DatasetOut
    files: list[FileOut]

    @classmethod
    def of(cls, challenge: Challenge, dataset: Dataset) -> Self:
        """The files of a dataset."""
        files = [
            FileOut(
                name=file.name,
                size_bytes=file.size_bytes,
                digest=file.digest,
                content_type=content_type_of(file.name),
                url=f"/api/v1/challenges/{challenge.slug}/files/{quote(file.name)}",
            )
            for file in public_files(dataset)
        ]
        return cls(challenge=challenge.slug, dataset=DatasetOut.of(dataset, manifest_of(challenge)), files=files)
