"""Which queue grades a challenge, and the way around when nobody computes on a GPU.

A challenge that asks for a GPU is graded on one, where a grader listens; on a CPU otherwise, if the operator allows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from redis import Redis

from arena.gauges import Gauges, GraderInfo, job_key, queue_key
from challenges.manifest import Manifest
from challenges.messages import QUEUE_GRADE_CPU, QUEUE_GRADE_GPU


def choose_queue(manifest: Manifest, queues: Gauges, *, falls_back: bool) -> str:
    """The queue for a submission that is sent now.

    Args:
        manifest: The challenge's.
        queues: Tell which graders are alive.
        falls_back: The operator lets a CPU do what asks for a GPU.

    Raises:
        RedisError: The queue does not answer.
    """
    if manifest.device != "gpu":
        return QUEUE_GRADE_CPU
    return QUEUE_GRADE_GPU if not falls_back or hears_gpu(queues.graders()) else QUEUE_GRADE_CPU


def hears_gpu(graders: Iterable[GraderInfo]) -> bool:
    """Whether one of these graders takes what asks for a GPU."""
    return any(QUEUE_GRADE_GPU in grader.queues for grader in graders)


def move_to_cpu(redis: Redis, queues: Gauges) -> int:
    """Let graders on a CPU have what waits for a GPU that nobody has any more; the number of such jobs."""
    if not queues.lengths()[QUEUE_GRADE_GPU] or hears_gpu(queues.graders()):
        return 0
    source, target, moved = queue_key(QUEUE_GRADE_GPU), queue_key(QUEUE_GRADE_CPU), 0
    while (name := cast("bytes | None", redis.lmove(source, target, "LEFT", "RIGHT"))) is not None:
        redis.hset(job_key(name.decode()), "origin", QUEUE_GRADE_CPU)
        moved += 1
    return moved
