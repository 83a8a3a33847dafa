"""English words beside their Chinese ones, and names and things that each installation coins for itself."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product
from typing import NamedTuple

from challenges._generators.dice import Dice

Pair = tuple[str, str]
"""English, Chinese."""


class Noun(NamedTuple):
    """A thing that can be counted."""

    one: str
    many: str
    zh: str
    measure: str
    """Classifier: what stands between a number and the noun."""
    kind: str


class Verb(NamedTuple):
    """A verb with an object; its Chinese may depend on the kind of that object."""

    base: str
    third: str
    past: str
    participle: str
    ing: str
    zh: dict[str, str]
    """By kind of object; under the empty key, whatever the object."""


def _nouns(kind: str, text: str) -> list[Noun]:
    """Nouns from lines of four words; the plural is regular where it is not given."""
    rows = [line.split() for line in text.strip().splitlines()]
    return [Noun(one, one + "s" if many == "-" else many, zh, measure, kind) for one, many, zh, measure in rows]


def _verbs(text: str) -> list[Verb]:
    """Verbs from lines of five forms and their Chinese, each after the kind of object and a colon."""
    rows = [line.split() for line in text.strip().splitlines()]
    return [Verb(row[0], row[1], row[2], row[3], row[4], dict(_split_sense(item) for item in row[5:])) for row in rows]


def _split_sense(item: str) -> Pair:
    kind, _, zh = item.partition(":")
    return kind, zh


READ = _nouns(
    "read",
    """
    book - 书 本
    letter - 信 封
    newspaper - 报纸 份
    novel - 小说 部
    story stories 故事 个
    poem - 诗 首
    """,
)
EAT = _nouns(
    "eat",
    """
    apple - 苹果 个
    fish fish 鱼 条
    cake - 蛋糕 块
    pear - 梨 个
    egg - 鸡蛋 个
    sandwich sandwiches 三明治 个
    """,
)
HAT = _nouns("on", "hat - 帽子 顶\nring - 戒指 枚\nwatch watches 手表 块\nscarf scarves 围巾 条")
COAT = _nouns("in", "coat - 大衣 件\nshirt - 衬衫 件\nskirt - 裙子 条\nsweater - 毛衣 件\nuniform - 制服 套")
RIDE = _nouns("ride", "bus buses 公共汽车 辆\ntrain - 火车 列\ntaxi - 出租车 辆")
PILL = _nouns("pill", "pill - 药 片")
PHOTO = _nouns("photo", "photo - 照片 张")
PAPER = _nouns("paper", "ribbon - 丝带 条\npicture - 画 幅")
TREE = _nouns("tree", "tree - 树 棵\nbamboo - 竹子 根")
THING = _nouns(
    "thing",
    """
    bicycle - 自行车 辆
    computer - 电脑 台
    phone - 手机 部
    table - 桌子 张
    chair - 椅子 把
    knife knives 刀 把
    umbrella - 雨伞 把
    lamp - 灯 盏
    box boxes 箱子 个
    key - 钥匙 把
    mirror - 镜子 面
    camera - 相机 台
    """,
)
GAMES: tuple[tuple[str, str, str], ...] = (
    ("the piano", "钢琴", "弹"),
    ("the guitar", "吉他", "弹"),
    ("the violin", "小提琴", "拉"),
    ("football", "足球", "踢"),
    ("basketball", "篮球", "打"),
    ("chess", "象棋", "下"),
    ("cards", "牌", "打"),
)
"""What is played, and the verb that goes with it."""
PEOPLE = _nouns(
    "person",
    """
    teacher - 老师 位
    doctor - 医生 位
    student - 学生 个
    boy - 男孩 个
    girl - 女孩 个
    engineer - 工程师 名
    farmer - 农民 个
    driver - 司机 名
    child children 孩子 个
    writer - 作家 位
    nurse - 护士 名
    soldier - 士兵 名
    """,
)
# Verbs of deeds that last: beside those that are over at once, such as 找到 or 看见, no 正在 stands.
VERBS = _verbs("""
    buy buys bought bought buying :买
    sell sells sold sold selling :卖
    clean cleans cleaned cleaned cleaning :擦
    carry carries carried carried carrying :搬
    borrow borrows borrowed borrowed borrowing :借
    fetch fetches fetched fetched fetching :拿
    hide hides hid hidden hiding :藏
    wash washes washed washed washing :洗
    paint paints painted painted painting :画
    choose chooses chose chosen choosing :选
""")
READING = _verbs("""
    read reads read read reading :读
    write writes wrote written writing :写
    translate translates translated translated translating :翻译
    copy copies copied copied copying :抄
""")
EATING = _verbs("""
    eat eats ate eaten eating :吃
    cook cooks cooked cooked cooking :煮
    smell smells smelled smelled smelling :闻
""")
MENDING = _verbs("""
    repair repairs repaired repaired repairing :修理
    inspect inspects inspected inspected inspecting :检查
""")
SENSES = _verbs("""
    wear wears wore worn wearing on:戴 in:穿
    take takes took taken taking ride:坐 pill:吃 photo:拍
    cut cuts cut cut cutting eat:切 paper:剪 tree:砍
""")
"""Verbs whose Chinese depends on what they are done to."""
PLAY = Verb("play", "plays", "played", "played", "playing", {})
MEETING = _verbs("""
    greet greets greeted greeted greeting :问候
    help helps helped helped helping :帮助
    praise praises praised praised praising :表扬
    follow follows followed followed following :跟随
    call calls called called calling :叫
    thank thanks thanked thanked thanking :感谢
    visit visits visited visited visiting :拜访
    invite invites invited invited inviting :邀请
""")
GIVE = Verb("give", "gives", "gave", "given", "giving", {"": "给"})
QUALITIES: tuple[Pair, ...] = (
    *(("red", "红色的"), ("blue", "蓝色的"), ("green", "绿色的"), ("new", "新"), ("old", "旧"), ("big", "大")),
    *(("small", "小"), ("beautiful", "漂亮的"), ("expensive", "昂贵的"), ("cheap", "便宜的"), ("heavy", "重的")),
)
CHARACTERS: tuple[Pair, ...] = (
    *(("old", "年老的"), ("young", "年轻的"), ("tall", "高个子的"), ("kind", "善良的"), ("tired", "疲惫的")),
    *(("clever", "聪明的"), ("famous", "著名的"), ("quiet", "安静的"), ("brave", "勇敢的")),
)
DEGREES: tuple[tuple[str, str, str], ...] = (
    *(("tall", "taller", "高"), ("old", "older", "老"), ("young", "younger", "年轻"), ("fast", "faster", "快")),
    *(("strong", "stronger", "强壮"), ("busy", "busier", "忙"), ("kind", "kinder", "善良")),
)
PLACES: tuple[Pair, ...] = (
    *(("in the park", "公园"), ("at school", "学校"), ("in the hospital", "医院"), ("in the kitchen", "厨房")),
    *(("at the station", "车站"), ("in the library", "图书馆"), ("at the market", "市场"), ("in the garden", "花园")),
    *(("in the office", "办公室"), ("at home", "家里"), ("by the river", "河边")),
)
SPOTS: tuple[Pair, ...] = (
    *(("on the table", "桌子上"), ("under the bed", "床下"), ("in the box", "箱子里"), ("behind the door", "门后")),
    *(("next to the window", "窗户旁边"), ("in the car", "汽车里")),
)
TIMES: dict[str, tuple[Pair, ...]] = {
    "past": (
        *(("yesterday", "昨天"), ("last week", "上周"), ("this morning", "今天早上"), ("two days ago", "两天前")),
        *(("last year", "去年"), ("on Monday", "星期一")),
    ),
    "future": (("tomorrow", "明天"), ("next month", "下个月"), ("next year", "明年"), ("tonight", "今晚")),
    "now": (("now", "现在"), ("at the moment", "此刻")),
    "always": (("every day", "每天"), ("on weekends", "周末"), ("every morning", "每天早上")),
}
MANNERS: tuple[Pair, ...] = (
    *(("quickly", "很快地"), ("carefully", "小心地"), ("secretly", "偷偷地"), ("happily", "高兴地")),
)
NUMBERS: tuple[Pair, ...] = (
    *(("two", "两"), ("three", "三"), ("four", "四"), ("five", "五"), ("six", "六"), ("ten", "十")),
)
OWNERS: tuple[Pair, ...] = (("my", "我的"), ("your", "你的"), ("his", "他的"), ("her", "她的"), ("our", "我们的"))

_SPELLING = """
    ba:巴芭 be:贝蓓 bi:比碧 bo:博波 da:达妲 de:德黛 di:迪笛 do:多朵 fa:法珐 fe:费菲 fo:福佛 ga:加嘉 ge:格戈 gu:古谷
    ka:卡凯 ke:克柯 ki:基琪 ko:科可 la:拉腊 le:勒乐 li:利莉 lo:洛罗 lu:卢露 ma:马玛 me:梅美 mi:米密 mo:莫默 na:纳娜
    ne:内妮 ni:尼倪 no:诺挪 pa:帕葩 pe:佩裴 po:坡珀 ri:里丽 sa:萨莎 se:塞瑟 si:西茜 so:索梭 su:苏素 ta:塔泰 te:特忒
    ti:提缇 to:托陀 tu:图涂 va:瓦娃 ve:维薇 vi:威葳 vo:沃渥 za:扎匝 ze:泽仄 zo:佐左
"""
SYLLABLES = dict(item.split(":") for item in _SPELLING.split())
"""Two signs for each syllable of a foreign name; an installation settles on one."""
KNOWN_PEOPLE, KNOWN_TOWNS, NEW_PEOPLE, NEW_TOWNS, COINED_THINGS = 80, 30, 240, 80, 24
_SIGNS = "岚砾汐柚芯砚绒笙桃栗舟阁箩苔藻穗棠枫葵蕉荷橙盏禾"
_MEASURES = "个只件把台"


@dataclass(frozen=True)
class Lexicon:
    """What an installation coins."""

    things: list[Noun]
    people: list[Pair]
    towns: list[Pair]
    new_people: list[Pair]
    """Names of the same syllables that no sentence to learn from holds."""
    new_towns: list[Pair]


def coin_lexicon(dice: Dice) -> Lexicon:
    """Settle how syllables are written, and coin names and things."""
    written = {syllable: dice.pick(signs) for syllable, signs in SYLLABLES.items()}
    count = KNOWN_PEOPLE + KNOWN_TOWNS + NEW_PEOPLE + NEW_TOWNS
    names: dict[str, str] = {}
    # each name begins with another syllable, so that names to learn from hold them all
    firsts = dice.sample(list(written), len(written))
    while len(names) < count:
        first = firsts[len(names) % len(firsts)]
        others = [syllable for syllable in written if syllable != first]
        syllables = [first, *dice.sample(others, dice.pick((1, 1, 2)))]
        names["".join(syllables).capitalize()] = "".join(written[syllable] for syllable in syllables)
    pairs = list(names.items())
    cuts = (0, KNOWN_PEOPLE, KNOWN_PEOPLE + KNOWN_TOWNS, count - NEW_TOWNS, count)
    people, towns, new_people, new_towns = (pairs[start:end] for start, end in pairwise(cuts))
    return Lexicon(_coin_things(dice), people, towns, new_people, new_towns)


def _coin_things(dice: Dice) -> list[Noun]:
    heads, ends = ("bl", "dr", "fl", "gl", "sn", "tr", "vl", "zr"), ("rv", "lb", "pt", "lk", "rg", "mb")
    english = dice.sample(["".join(parts) for parts in product(heads, "aeiou", ends)], COINED_THINGS)
    chinese = dice.sample([a + b for a, b in product(_SIGNS, repeat=2) if a != b], COINED_THINGS)
    return [Noun(en, en + "s", zh, dice.pick(_MEASURES), "thing") for en, zh in zip(english, chinese, strict=True)]
