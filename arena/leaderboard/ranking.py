"""The rank index of one board: a Redis sorted set that follows the standings and is never trusted for a score.

A member is the moment of the submission (8 bytes) and the team's id (16 bytes), both big-endian; its score is the
standing's `sort_key`, unchanged: a sorted set keeps all 64 bits of a float, and orders equal scores by the bytes of
their members. So the order is that of the table, `(sort_key, achieved_at, team_id)`: ranks are positions, no two teams
share one, and of equal scores the earlier submission stands higher.

    <root>:ranks   sorted set of members            <root>:live   hash: epoch and revision that the index has reached
    <root>:teams   hash: team → revision, member    <root>:lock   token of whoever is rebuilding, beside keys of its own

Without `live` there is no index, whatever else is there. An emptied Redis, or one restored from an older state, is
noticed by comparing `live` with the table, not by chance.
"""

from __future__ import annotations

import datetime as dt
import secrets
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast
from uuid import UUID

from redis import Redis

BATCH = 2000
LOCK_SECONDS = 30
"""A rebuild that shows no life for so long counts as dead."""
ABANDONED_SECONDS = 600
"""When the keys of a dead rebuild vanish."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_OFFSET = 1 << 63
_TIME = struct.Struct(">Q")
_KEY = struct.Struct(">d")

# KEYS ranks teams live; ARGV token, since, reached, then (team, member, sort key, revision) of each change.
# Another token is another index, and one that has not come to `since` misses earlier changes: neither is touched.
_APPLY = """
local live = redis.call('HMGET', KEYS[3], 'token', 'revision')
if live[1] ~= ARGV[1] or tonumber(live[2]) < tonumber(ARGV[2]) then return 0 end
for i = 4, #ARGV, 4 do
  local team, member, key, revision = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local known = redis.call('HGET', KEYS[2], team)
  if not known or tonumber(string.sub(known, 1, 16)) < tonumber(revision) then
    if known then redis.call('ZREM', KEYS[1], string.sub(known, 17)) end
    redis.call('ZADD', KEYS[1], key, member)
    redis.call('HSET', KEYS[2], team, revision .. member)
  end
end
if tonumber(live[2]) < tonumber(ARGV[3]) then redis.call('HSET', KEYS[3], 'revision', ARGV[3]) end
return 1
"""

# KEYS ranks teams; ARGV rows of member (24 bytes), sort key (8 bytes) and revision (16 digits), one after the other:
# one argument for all of them in place of four for each halves the time of a rebuild.
_ADD = """
local rows = ARGV[1]
for i = 1, #rows, 48 do
  local member = string.sub(rows, i, i + 23)
  redis.call('ZADD', KEYS[1], (struct.unpack('>d', rows, i + 24)), member)
  redis.call('HSET', KEYS[2], string.sub(member, 9), string.sub(rows, i + 32, i + 47) .. member)
end
"""

# KEYS ranks teams live lock, new ranks, new teams; ARGV token, epoch, revision. An empty board has no keys to rename.
_SWAP = """
if redis.call('GET', KEYS[4]) ~= ARGV[1] then
  redis.call('UNLINK', KEYS[5], KEYS[6])
  return 0
end
redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[4])
for i = 1, 2 do
  if redis.call('EXISTS', KEYS[4 + i]) == 1 then
    redis.call('RENAME', KEYS[4 + i], KEYS[i])
    redis.call('PERSIST', KEYS[i])
  end
end
redis.call('HSET', KEYS[3], 'token', ARGV[1], 'epoch', ARGV[2], 'revision', ARGV[3])
return 1
"""

# KEYS lock; ARGV token. Nobody gives back a lock that has become another's.
_UNLOCK = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


@dataclass(frozen=True)
class Mark:
    """How far a board's changes go: revisions count within an epoch."""

    epoch: int
    revision: int


@dataclass(frozen=True)
class Live:
    """An index that can be read: which one, and how far it has come."""

    token: str
    mark: Mark


@dataclass(frozen=True)
class Place:
    """What the index keeps of a standing, and all that the order depends on."""

    sort_key: float
    achieved_at: dt.datetime
    team_id: UUID

    @property
    def member(self) -> bytes:
        """The place as a member of the sorted set."""
        micros = (self.achieved_at - _EPOCH) // _MICROSECOND
        return _TIME.pack(micros + _OFFSET) + self.team_id.bytes

    @classmethod
    def parse(cls, member: bytes, sort_key: float) -> Place:
        """The place that a member and its score stand for."""
        micros = _TIME.unpack(member[:8])[0] - _OFFSET
        return cls(sort_key, _EPOCH + micros * _MICROSECOND, UUID(bytes=member[8:]))


Change = tuple[Place, int]
"""A place, and the revision that put the team there."""


class Ranking:
    """The index of one board of one dataset."""

    def __init__(self, redis: Redis, dataset_id: UUID, board: str) -> None:
        self._redis = redis
        self._root = f"arena:board:{dataset_id.hex}:{board}"
        self._ranks, self._teams = f"{self._root}:ranks", f"{self._root}:teams"
        self._live, self._lock = f"{self._root}:live", f"{self._root}:lock"

    def find_live(self) -> Live | None:
        """The index and how far it has come; None when there is none."""
        found = cast("dict[bytes, bytes]", self._redis.hgetall(self._live))
        if not found:
            return None
        return Live(found[b"token"].decode(), Mark(int(found[b"epoch"]), int(found[b"revision"])))

    def read(self, start: int, count: int) -> tuple[list[Place], int] | None:
        """The places from position `start` (0 is the best) on, and the number of all, at one moment.

        None when a part of the index is gone, as Redis does when it lacks memory.
        """
        pipe = self._redis.pipeline(transaction=True)
        pipe.zcard(self._ranks)
        pipe.hlen(self._teams)
        if count:
            pipe.zrange(self._ranks, start, start + count - 1, withscores=True)
        total, known, *found = pipe.execute()
        members = found[0] if found else []
        return ([Place.parse(member, sort_key) for member, sort_key in members], total) if total == known else None

    def find_rank(self, place: Place) -> int | None:
        """The rank of a place, 1 is the best; None when the index does not have the team exactly there."""
        pipe = self._redis.pipeline(transaction=True)
        pipe.zrank(self._ranks, place.member)
        pipe.zscore(self._ranks, place.member)
        position, sort_key = pipe.execute()
        return int(position) + 1 if sort_key == place.sort_key else None

    def apply(self, changes: Sequence[Change], live: Live, reached: int) -> bool:
        """Take in changes; harmless when they are known, or older than what is known.

        Args:
            changes: Every team that changed after the mark of `live`, each where it now is.
            live: The index that these changes continue.
            reached: The revision up to which these are all changes.

        Returns:
            False when that index is no longer there; nothing is changed then.
        """
        script = self._redis.register_script(_APPLY)
        parts = [changes[i : i + BATCH] for i in range(0, len(changes), BATCH)] or [[]]
        for number, part in enumerate(parts, 1):
            # Only the last part moves the mark: whoever dies on the way has promised nothing.
            words: list[Any] = [live.token, live.mark.revision, reached if number == len(parts) else 0]
            for place, changed in part:
                words += [place.team_id.bytes, place.member, repr(place.sort_key), f"{changed:016d}"]
            if not script(keys=[self._ranks, self._teams, self._live], args=words):
                return False
        return True

    def rebuild(self, changes: Iterable[Change], reached: Mark) -> bool:
        """Build the index anew beside the old one, and put it in its place at once.

        Args:
            changes: Every standing of the board; drawn only if the building begins.
            reached: A mark read before `changes`.

        Returns:
            False when another rebuild is under way, or this one took too long and was taken for dead.
        """
        token = secrets.token_hex(8)
        if not self._redis.set(self._lock, token, nx=True, ex=LOCK_SECONDS):
            return False
        ranks, teams = f"{self._root}:{token}:ranks", f"{self._root}:{token}:teams"
        try:
            rest = iter(changes)
            while part := list(islice(rest, BATCH)):
                self._add(ranks, teams, part)
            keys = [self._ranks, self._teams, self._live, self._lock, ranks, teams]
            swap = self._redis.register_script(_SWAP)
            return bool(swap(keys=keys, args=[token, reached.epoch, reached.revision]))
        finally:
            self._redis.register_script(_UNLOCK)(keys=[self._lock], args=[token])

    def _add(self, ranks: str, teams: str, changes: Sequence[Change]) -> None:
        """Add to an index that nobody reads yet, and show life."""
        rows = b"".join(place.member + _KEY.pack(place.sort_key) + b"%016d" % revision for place, revision in changes)
        pipe = self._redis.pipeline(transaction=False)
        pipe.eval(_ADD, 2, ranks, teams, rows)
        for key, seconds in ((ranks, ABANDONED_SECONDS), (teams, ABANDONED_SECONDS), (self._lock, LOCK_SECONDS)):
            pipe.expire(key, seconds)
        pipe.execute()

    def drop(self) -> None:
        """Forget the index; the next reader builds it anew."""
        self._redis.unlink(self._live, self._ranks, self._teams)
