"""Keyed randomness: one installation secret, an independent stream for each purpose.

The generators are public and the streams are not. Knowing the published part of one stream says nothing about
another one, because each is seeded by HMAC-SHA256 of the secret. PCG64 itself is not cryptographic: never publish
full-precision output of a stream that also decides labels; round, and draw labels under a purpose of their own.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

ID_LENGTH = 8
"""Hexadecimal digits of a row's id."""


@dataclass(frozen=True)
class Keys:
    """The streams of one version of one challenge on one installation."""

    secret: bytes = field(repr=False)
    """The installation's secret, 32 random bytes."""
    slug: str
    version: int
    """Version of the generator, as in the manifest."""

    def key(self, purpose: str) -> bytes:
        """32 bytes that only this purpose has."""
        return hmac.new(self.secret, f"{self.slug}/v{self.version}/{purpose}".encode(), hashlib.sha256).digest()

    def rng(self, purpose: str) -> np.random.Generator:
        """A fresh stream for a purpose such as `train/rows`, `test/labels` or `shuffle`."""
        return np.random.Generator(np.random.PCG64(int.from_bytes(self.key(purpose), "big")))

    def divide(self, count: int, hidden: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Places of the rows to learn from, and of those to hide, where `count` public rows are divided anew."""
        order = self.rng("split/rows").permutation(count)
        return order[hidden:], order[:hidden]

    def ids(self, count: int) -> list[str]:
        """Distinct hexadecimal ids that say nothing about a row's place, label or content.

        Each begins with a letter, so that no spreadsheet takes `12e45678` for a number.
        """
        key = self.key("ids")
        ids: dict[str, None] = {}
        number = 0
        while len(ids) < count:
            candidate = hmac.new(key, str(number).encode(), hashlib.sha256).hexdigest()[:ID_LENGTH]
            if candidate[0].isalpha():
                ids[candidate] = None
            number += 1
        return list(ids)
