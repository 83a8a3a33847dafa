"""Chinese product reviews whose polarity is composed: what clauses say, how strongly, of what, and after which word.

A clause is worth its polarity times the strength of its turn times the weight of its aspect. 但是 lifts what follows
and lowers what stands before, 虽然 and 尽管 lower their own clause, 最看重的 doubles it. The label is the sum's sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from challenges._generators.dice import Dice
from challenges._generators.opinions import COMMON, IDIOM, IDIOMS, PRODUCTS, SHARED, SLANG, Lexicon, pick_common
from challenges._generators.turns import COMPARISON, HYPOTHETICAL, NEGATION, OTHERS, PLAIN, REPORTED, TURNS, Turn

MIXED, CONTRAST = "mixed aspects", "contrast"
"""Beside the kinds of turns, what a review is told apart by."""
KINDS = (COMMON, IDIOM, SLANG)
LABELLED, LATER = (0.95, 0.04, 0.01), (0.45, 0.15, 0.4)
"""Shares of the kinds of words: when reviews were labelled, and since then."""
FIRST_WEIGHT, OWN_WEIGHT, LAST_WEIGHT = 0.4, 0.3, 1.5
"""Of what stands before 但是, of what 虽然 or 尽管 concedes, and of what follows 但是."""
CLEAR = 0.7
"""A review whose clauses sum to less is not written: nobody could tell."""
_WAYS = (PLAIN, NEGATION, HYPOTHETICAL, COMPARISON, REPORTED)
_WAY_WEIGHTS = (0.4, 0.18, 0.14, 0.14, 0.14)
_COUNTS, _COUNT_WEIGHTS = (1, 2, 3, 4), (0.15, 0.4, 0.33, 0.12)
_LOYALTY = 0.78
"""How many clauses take the side of the whole review."""
_STRESS = (("最看重的", 2.0), ("最在意的", 2.0), ("不太在意的", 0.4), ("可有可无的", 0.4))
_TURNING = {1: ("但是", "不过", "然而", "好在", "所幸"), -1: ("但是", "不过", "然而", "可惜", "无奈")}
_FILLERS = (
    *("买了大概{n}天", "用了{n}周来评价", "第{n}次回购", "活动时下的单", "对比了好几家", "颜色选的{c}"),
    *("给家里人买的{p}", "{p}是朋友推荐的", "晚上下单第{n}天到的", "之前那款太差才换的", "看评论都说不错才下的单"),
    *("怕踩雷犹豫了{n}天", "不是第一次买{p}了", "之前的{p}用坏了", "本来想买{c}的", "客厅里用", "上班用的"),
)
"""What is no judgement, though some of it sounds like one."""
_CLOSERS = {
    1: ("会回购", "推荐给同事了", "五星好评", "又给家里人下了一单", "没有退货的打算", "这钱花得不冤"),
    -1: ("退货了", "不会再买", "劝大家慎重", "后悔下单", "别指望我再买", "推荐不出口"),
}
"""Last words, by polarity."""
_COLOURS = ("黑色", "白色", "蓝色", "银色", "灰色")
_ENDS = ("。", "。", "！", "！！", "～", "…", "")


@dataclass(frozen=True)
class Review:
    """A review and what it is made of."""

    text: str
    label: int
    """1 where it praises, 0 where it blames."""
    phenomenon: str
    """What makes it hard, if anything does."""
    words: str
    """The rarest kind of word in it."""
    clauses: int


@dataclass
class Clause:
    """One judgement, as it is said."""

    text: str
    worth: float
    way: str
    words: str


@dataclass
class Draft:
    """Clauses said so far, with the words between them."""

    clauses: list[Clause] = field(default_factory=list)
    has_contrast: bool = False

    @property
    def total(self) -> float:
        """What all clauses are worth together."""
        return sum(clause.worth for clause in self.clauses)


class Reviewer:
    """Writes reviews.

    Args:
        dice: Decides everything but the label.
        lexicon: Slang and weights of the installation.
        shares: How many of the words are common, idioms and slang.
    """

    def __init__(self, dice: Dice, lexicon: Lexicon, shares: Sequence[float] = LATER) -> None:
        self.dice = dice
        self.lexicon = lexicon
        self.shares = shares

    def write(self, label: int) -> Review:
        """One review that praises (1) or blames (0)."""
        polarity = 1 if label else -1
        while True:
            product = self.dice.pick(tuple(PRODUCTS))
            draft = self._draft(product, polarity)
            if draft.total * polarity >= CLEAR:
                return self._finish(draft, product, polarity)

    def _draft(self, product: str, polarity: int) -> Draft:
        count = self.dice.weigh(_COUNTS, _COUNT_WEIGHTS)
        draft = Draft()
        for aspect in self.dice.sample((*PRODUCTS[product], *SHARED), count):
            sign = polarity if self.dice.chance(_LOYALTY) else -polarity
            self._join(draft, self._say(aspect, sign), sign)
        return draft

    def _say(self, aspect: str, sign: int) -> Clause:
        """A clause that says of an aspect that it is good or bad."""
        way = self.dice.weigh(_WAYS, _WAY_WEIGHTS)
        kind = self.dice.weigh(KINDS, self.shares)
        takes = "P" if kind == IDIOM else "A"
        turn = self.dice.pick([turn for turn in TURNS[way] if takes in turn.takes and _fits(turn, sign)])
        polarity = -sign if turn.flips else sign
        word = self._pick_word(kind, aspect, polarity)
        worth = sign * turn.strength * self.lexicon.weights[aspect]
        named = aspect
        if turn.text.startswith("{a}") and self.dice.chance(0.12):
            stress, factor = self.dice.pick(_STRESS)
            named, worth = stress + aspect, worth * factor
        return Clause(turn.text.format(a=named, w=word, o=self.dice.pick(OTHERS)), worth, way, kind)

    def _pick_word(self, kind: str, aspect: str, polarity: int) -> str:
        if kind == COMMON:
            return pick_common(self.dice, aspect, polarity)
        return self.dice.pick((IDIOMS if kind == IDIOM else self.lexicon.slang).of(polarity))

    def _join(self, draft: Draft, clause: Clause, sign: int) -> None:
        """Put a clause behind the others; where it turns against the last one, mostly say so."""
        last = draft.clauses[-1] if draft.clauses else None
        if last is not None and last.worth * sign < 0 and self.dice.chance(0.85):
            draft.has_contrast = True
            if "，" not in clause.text and self.dice.chance(0.3):
                clause.text, clause.worth = self.dice.pick(("尽管", "虽说")) + clause.text, clause.worth * OWN_WEIGHT
            else:
                self._oppose(draft, clause, last, sign)
        elif last is not None and last.worth * sign > 0 and self.dice.chance(0.2):
            clause.text = self.dice.pick(("而且", "再说", "同时")) + clause.text
        draft.clauses.append(clause)

    def _oppose(self, draft: Draft, clause: Clause, last: Clause, sign: int) -> None:
        concedes = len(draft.clauses) == 1 and "，" not in last.text and self.dice.chance(0.4)
        for earlier in draft.clauses:
            earlier.worth *= OWN_WEIGHT if concedes else FIRST_WEIGHT
        if concedes:
            last.text = "虽然" + last.text
        clause.text = self.dice.pick(("但是", "但", "不过") if concedes else _TURNING[sign]) + clause.text
        clause.worth *= LAST_WEIGHT

    def _finish(self, draft: Draft, product: str, polarity: int) -> Review:
        """Add what is no judgement, and a last word now and then."""
        parts = [clause.text for clause in draft.clauses]
        if self.dice.chance(0.45):
            filler = self.dice.pick(_FILLERS).format(
                n=self.dice.pick(range(2, 30)), c=self.dice.pick(_COLOURS), p=product
            )
            parts.insert(self.dice.pick((0, 0, len(parts))), filler)
        if self.dice.chance(0.18):
            parts.append(self.dice.pick(_CLOSERS[polarity]))
        text = "，".join(parts) + self.dice.pick(_ENDS)
        words = max((clause.words for clause in draft.clauses), key=KINDS.index)
        return Review(text, int(polarity > 0), _name_phenomenon(draft), words, len(draft.clauses))


def _fits(turn: Turn, sign: int) -> bool:
    """Whether a turn can say this: it may take words of one polarity only."""
    return turn.only in (0, -sign if turn.flips else sign)


def _name_phenomenon(draft: Draft) -> str:
    """Contrast and mixed judgements, where there are any; else what the weightiest clause does."""
    if draft.has_contrast:
        return CONTRAST
    if len({clause.worth > 0 for clause in draft.clauses}) > 1:
        return MIXED
    return max(draft.clauses, key=lambda clause: abs(clause.worth)).way
