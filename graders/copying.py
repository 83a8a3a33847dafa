"""The longest part that two texts have in common, found by hashes of all their parts of a length."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BASE = np.uint64(0x9E3779B97F4A7C15)
_BACK = np.uint64(pow(0x9E3779B97F4A7C15, -1, 1 << 64))
_SIEVE_BITS = 20


def find_longest_copy(text: str, source: str) -> str:
    """The longest part of a text that stands in another one too; empty where they share no character.

    It takes about twelve passes over the source, whatever the text: searching for each part in turn would let a text
    of one repeated letter take a thousand times as long.

    Source: Karp and Rabin, Efficient randomized pattern-matching algorithms, 1987; bisection over the length.

    >>> find_longest_copy("the cat sat", "a cat sang")
    ' cat sa'
    """
    sums, source_sums = _add_up(text), _add_up(source)
    back = np.cumprod(np.full(max(len(text), len(source)), _BACK), dtype=np.uint64)
    shortest, longest, place = 0, min(len(text), len(source)), 0
    while shortest < longest:
        length = (shortest + longest + 1) // 2
        found = _find(_hash_parts(sums, length, back), _hash_parts(source_sums, length, back))
        if found is None:
            longest = length - 1
        else:
            shortest, place = length, found
    return text[place : place + shortest]


def _add_up(text: str) -> NDArray[np.uint64]:
    """Sums of the characters before each place, each times a power of the base, modulo 2^64."""
    codes = np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype="<u4").astype(np.uint64)
    powers = np.cumprod(np.full(len(codes), _BASE))
    return np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum((codes + np.uint64(1)) * powers)])


def _hash_parts(sums: NDArray[np.uint64], length: int, back: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A number for each part of a length, the same for the same part wherever it stands."""
    parts = sums[length:] - sums[:-length]
    return np.asarray(parts * back[: len(parts)])


def _find(parts: NDArray[np.uint64], source: NDArray[np.uint64]) -> int | None:
    """Place of a part that the source has too."""
    shift = np.uint64(64 - _SIEVE_BITS)
    sieve = np.zeros(1 << _SIEVE_BITS, dtype=np.bool_)
    sieve[parts >> shift] = True
    candidates = source[sieve[source >> shift]]
    common = np.isin(parts, candidates)
    return int(common.argmax()) if common.any() else None
