"""Reads composed reviews back: what each clause is worth, found in the text and the words of an installation."""

from __future__ import annotations

import re

from challenges._generators.opinions import ASPECTS, GENERAL, IDIOMS, Lexicon, Words
from challenges._generators.turns import OTHERS, TURNS

STRESS = {"最看重的": 2.0, "最在意的": 2.0, "不太在意的": 0.4, "可有可无的": 0.4}
BEFORE = "虽然|尽管|虽说|但是|但|不过|然而|好在|所幸|可惜|无奈|而且|再说|同时"


class Reader:
    """Knows the turns, the words in books, and the slang and weights of one installation."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.weights = lexicon.weights
        self.polarity: dict[str, int] = {}
        adjectives = [GENERAL, lexicon.slang, *ASPECTS.values()]
        for words in (*adjectives, IDIOMS):
            self.polarity |= dict.fromkeys(words.good, 1) | dict.fromkeys(words.bad, -1)
        kinds = {"A": adjectives, "P": [IDIOMS], "AP": [*adjectives, IDIOMS]}
        aspect = f"(?P<stress>{'|'.join(STRESS)})?(?P<aspect>{'|'.join(ASPECTS)})"
        self.turns = []
        for turn in (turn for turns in TURNS.values() for turn in turns):
            said = turn.text.format(a=aspect, w=f"(?P<word>{join(kinds[turn.takes])})", o=f"(?:{'|'.join(OTHERS)})")
            self.turns.append((re.compile(f"(?P<before>{BEFORE})?{said}"), turn))

    def read(self, text: str) -> float:
        """What all clauses are worth together; other parts are skipped."""
        parts = re.sub("[。！～…]+$", "", text).split("，")
        worths: list[float] = []
        conceded = False
        while parts:
            found = self._read_clause("，".join(parts[:2])) or self._read_clause(parts[0])
            parts = parts[1 + (found is not None and found[2]) :]
            if found is None:
                continue
            before, worth, _ = found
            if before in ("尽管", "虽说"):
                worth *= 0.3
            elif before and before not in ("虽然", "而且", "再说", "同时"):
                worths, worth = [old * (0.3 if conceded else 0.4) for old in worths], worth * 1.5
            conceded = before == "虽然"
            worths.append(worth)
        return sum(worths)

    def _read_clause(self, said: str) -> tuple[str, float, bool] | None:
        """What stands before a clause, what the clause is worth, and whether it holds a comma."""
        for pattern, turn in self.turns:
            match = pattern.fullmatch(said)
            if match:
                sign = self.polarity[match["word"]] * (-1 if turn.flips else 1)
                worth = (
                    sign * turn.strength * self.weights[match["aspect"]] * STRESS.get(match.groupdict()["stress"], 1)
                )
                return match["before"] or "", worth, "，" in said
        return None


def join(words: list[Words]) -> str:
    """A pattern of all these words, the longest first."""
    return "|".join(sorted((word for both in words for side in both for word in side), key=len, reverse=True))
