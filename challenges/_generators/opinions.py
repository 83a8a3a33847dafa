"""Words that judge products in Chinese reviews, and slang that each installation coins for itself.

Common words and idioms mean the same everywhere. Which slang praises and which blames, and which aspects matter most to
buyers, only the data of an installation tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import NamedTuple

from challenges._generators.dice import Dice

COMMON, IDIOM, SLANG = "common", "idiom", "slang"
"""Kinds of words."""
CORE, ASIDE = 2.5, 1.0
"""How much an aspect weighs: one that buyers care for, and any other."""
COINED = 20
"""Slang words of each polarity."""


class Words(NamedTuple):
    """Words of both polarities."""

    good: tuple[str, ...]
    bad: tuple[str, ...]

    def of(self, polarity: int) -> tuple[str, ...]:
        """Those of one polarity, 1 or -1."""
        return self.good if polarity > 0 else self.bad


@dataclass(frozen=True)
class Lexicon:
    """What an installation coins."""

    slang: Words
    weights: dict[str, float]
    """Of each aspect."""


def _words(good: str, bad: str) -> Words:
    return Words(tuple(good.split()), tuple(bad.split()))


GENERAL = _words(
    "好 不错 出色 惊艳 给力 棒 靠谱 到位 省心 贴心 让人放心 讨人喜欢",
    "差 糟糕 蹩脚 拉胯 敷衍 坑人 垃圾 闹心 马虎 糟心 让人失望 让人恼火",
)
"""Adjectives that any aspect takes."""
IDIOMS = _words(
    "无可挑剔 可圈可点 物超所值 堪称完美 没得说 让人赞不绝口 超出预期 名不虚传 恰到好处 深得我心 值回票价 令人惊喜",
    "不敢恭维 一言难尽 惨不忍睹 形同虚设 让人望而却步 一塌糊涂 名不副实 不值一提 漏洞百出 乏善可陈 徒有其表 令人发指",
)
"""Phrases that take no adverb of degree."""
ASPECTS = {
    "屏幕": _words("清晰 细腻", "发黄 模糊"),
    "电池": _words("耐用 持久", "虚标 发烫"),
    "系统": _words("流畅 稳定", "卡顿 臃肿"),
    "拍照": _words("锐利 真实", "失真 发糊"),
    "手感": _words("舒服 顺滑", "硌手 生涩"),
    "音质": _words("通透 饱满", "刺耳 发闷"),
    "佩戴": _words("轻盈 牢固", "夹头 松垮"),
    "按键": _words("灵敏 清脆", "松动 迟钝"),
    "面料": _words("柔软 透气", "扎人 闷热"),
    "容量": _words("充足 实在", "缩水 局促"),
    "味道": _words("香甜 鲜美", "发苦 寡淡"),
    "口感": _words("酥脆 绵密", "干硬 黏牙"),
    "做工": _words("扎实 精致", "粗糙 毛躁"),
    "外观": _words("大气 耐看", "土气 老气"),
    "物流": _words("迅速 准时", "缓慢 拖沓"),
    "包装": _words("严实 用心", "简陋 破损"),
    "客服": _words("耐心 热情", "冷淡 傲慢"),
    "价格": _words("实惠 划算", "虚高 离谱"),
}
"""What is judged, with adjectives that only it takes."""
SHARED = ("做工", "外观", "物流", "包装", "客服", "价格")
"""Aspects of every product."""
PRODUCTS = {
    "手机": ("屏幕", "电池", "系统", "拍照", "手感"),
    "相机": ("拍照", "屏幕", "电池", "按键"),
    "耳机": ("音质", "佩戴", "电池"),
    "键盘": ("按键", "手感"),
    "背包": ("面料", "容量", "手感"),
    "饼干": ("味道", "口感"),
}
"""Products and the aspects that they have beside the shared ones."""
_SIGNS = "岚砾汐柚砚笙桃栗舟苔藻穗棠枫葵橙"
_GENERAL_SHARE = 0.55
"""Of the common words; the others are those of the aspect."""


def coin_lexicon(dice: Dice) -> Lexicon:
    """Coin slang, each word of two signs that other slang of either polarity holds too, and say what matters."""
    coined = tuple(dice.sample([a + b for a, b in permutations(_SIGNS, 2)], 2 * COINED))
    core = set(dice.sample(list(ASPECTS), len(ASPECTS) // 2))
    weights = {aspect: CORE if aspect in core else ASIDE for aspect in ASPECTS}
    return Lexicon(Words(coined[:COINED], coined[COINED:]), weights)


def pick_common(dice: Dice, aspect: str, polarity: int) -> str:
    """A common adjective that an aspect takes."""
    words = GENERAL if dice.chance(_GENERAL_SHARE) else ASPECTS[aspect]
    return dice.pick(words.of(polarity))
