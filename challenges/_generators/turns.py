"""Turns of phrase in which a Chinese reviewer says that something is good or bad, seldom straight out.

A turn takes a word of some polarity and keeps it or flips it: 并不 flips, 不是一般的 strengthens, and 要不是 means that
the thing is so after all. `{a}` is the aspect, `{w}` the word, `{o}` what the product is compared with.
"""

from __future__ import annotations

from typing import NamedTuple

PLAIN, NEGATION, HYPOTHETICAL, COMPARISON, REPORTED = "plain", "negation", "hypothetical", "comparison", "reported"
"""What a turn does."""
OTHERS = ("上一代", "别家", "以前那款", "同事那款")


class Turn(NamedTuple):
    """One way to say it."""

    text: str
    strength: float
    """How strongly it judges; 1 is usual."""
    flips: bool
    """The clause says the opposite of its word."""
    only: int
    """Polarity of the words that it takes; 0: both."""
    takes: str
    """`A` adjectives, `P` phrases, `AP` both."""


def _turns(text: str) -> tuple[Turn, ...]:
    """Turns from lines of strength, `flips` or `keeps`, polarity, what is taken, and the text."""
    turns = []
    for line in text.strip().splitlines():
        strength, way, only, takes, said = line.split(maxsplit=4)
        turns.append(Turn(said, float(strength), way == "flips", {"+": 1, "-": -1, "*": 0}[only], takes))
    return tuple(turns)


TURNS = {
    PLAIN: _turns("""
        0.8 keeps * A {a}{w}
        1.0 keeps * A {a}很{w}
        1.4 keeps * A {a}非常{w}
        1.2 keeps * A {a}相当{w}
        0.5 keeps - A {a}有点{w}
        0.6 keeps + A {a}还算{w}
        1.7 keeps * A {a}极其{w}
        1.5 keeps * A {a}太{w}了
        1.2 keeps * P {a}{w}
        1.6 keeps * P {a}简直{w}
        1.2 keeps - P {a}实在{w}
        0.6 keeps - P {a}多少有点{w}
        1.2 keeps + P {a}当真{w}
        1.1 keeps * AP 不得不说{a}{w}
    """),
    NEGATION: _turns("""
        0.9 flips * A {a}并不{w}
        1.2 flips * A {a}一点也不{w}
        0.8 flips * A {a}没有想象中那么{w}
        0.8 flips * AP {a}谈不上{w}
        1.0 flips * A {a}哪里{w}了
        1.0 flips * AP 没觉得{a}{w}
        0.7 keeps * A {a}不能说不{w}
        1.6 keeps * A {a}不是一般的{w}
        1.0 keeps * AP 没人会否认{a}{w}
        1.1 flips + P {a}离{w}还差得远
        0.7 flips - P {a}倒也不至于{w}
    """),
    HYPOTHETICAL: _turns("""
        0.9 flips + A 要是{a}再{w}一点就好了
        0.9 keeps - A 要是{a}没这么{w}就完美了
        1.0 keeps + AP 要不是{a}{w}，我早就退货了
        1.0 keeps - AP 要不是{a}{w}，我就给五星了
        1.0 flips - AP 本来担心{a}{w}，结果完全是多虑
        1.0 flips + AP 本来指望{a}{w}，结果白期待了
        1.0 keeps * AP 本来就猜{a}{w}，结果猜对了
        1.0 flips * AP 本来以为{a}{w}，结果猜错了
    """),
    COMPARISON: _turns("""
        1.2 keeps * A {a}比{o}{w}多了
        1.2 keeps * A {a}比{o}还{w}
        1.0 flips * A {a}不比{o}{w}
        0.8 flips * A {a}没有{o}那么{w}
        1.1 flips * A {o}的{a}都比这个{w}
        1.4 keeps * A 再也找不到{a}更{w}的了
        1.0 flips * AP {o}的{a}才叫{w}
        1.0 keeps * AP 跟{o}一比，{a}{w}
    """),
    REPORTED: _turns("""
        1.0 flips * AP 都说{a}{w}，其实恰恰相反
        1.0 keeps * AP 都说{a}{w}，确实如此
        1.0 flips * AP 别人觉得{a}{w}，我不这么看
        1.0 keeps * AP 别人觉得{a}{w}，我也这么看
        1.0 flips + AP 广告里吹{a}{w}，到手发现不是那么回事
        1.0 flips - AP 差评里说{a}{w}，我这个完全没有这种问题
        1.0 keeps - AP 有人嫌{a}{w}，我深有同感
        1.0 keeps + AP 朋友夸{a}{w}，果然没说错
    """),
}
"""By what they do."""
