"""Markdown of descriptions as safe HTML: tables, code in colour, and LaTeX as MathML that browsers draw themselves.

Descriptions come from organisers, whom we trust less than ourselves: everything is sanitised at the end.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import nh3
from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from markupsafe import Markup, escape
from mdit_py_plugins.dollarmath import dollarmath_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

_TEXT_TAGS = {"a", "abbr", "b", "blockquote", "br", "code", "dd", "del", "div", "dl", "dt", "em", "h3", "h4", "h5"}
_TEXT_TAGS |= {"hr", "i", "kbd", "li", "ol", "p", "pre", "s", "span", "strong", "sub", "sup", "ul"}
_TABLE_TAGS = {"table", "tbody", "td", "th", "thead", "tr"}
_MATH_TAGS = {"math", "menclose", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover", "mpadded", "mphantom", "mroot"}
_MATH_TAGS |= {"mrow", "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup", "mtable", "mtd", "mtext", "mtr"}
_MATH_TAGS |= {"munder", "munderover"}
_ATTRIBUTES = {
    "a": {"href", "title"},
    "abbr": {"title"},
    "code": {"class"},
    "div": {"class", "tabindex"},
    "ol": {"start"},
    "span": {"class"},
    "table": {"class"},
    "td": {"class"},
    "th": {"class", "scope"},
    "math": {"display"},
    "mo": {"stretchy", "fence", "form", "minsize", "maxsize", "lspace", "rspace"},
    "mi": {"mathvariant"},
    "mstyle": {"displaystyle", "scriptlevel"},
    "mover": {"accent"},
    "munder": {"accentunder"},
    "mspace": {"width"},
    "mfrac": {"linethickness"},
    "mtable": {"columnalign", "displaystyle"},
    "mtd": {"columnalign"},
}
_SCHEMES = {"http", "https", "mailto"}


@lru_cache(256)
def to_html(text: str) -> Markup:
    """Markdown as HTML that is safe to put into a page; first- and second-level headings become third-level ones."""
    clean = nh3.clean(
        _parser().render(text).replace('<div class="math block">', '<div class="math block" tabindex="0">'),
        tags=_TEXT_TAGS | _TABLE_TAGS | _MATH_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        link_rel="noopener noreferrer",
    )
    return Markup(clean)  # noqa: S704 - sanitised one line above


@lru_cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "highlight": _coloured}).enable(["table", "strikethrough"])
    parser.use(
        dollarmath_plugin, allow_labels=False, allow_space=False, allow_digits=False, double_inline=True, renderer=_math
    )
    parser.add_render_rule("table_open", lambda *_: '<div class="table-scroll" tabindex="0"><table class="table">')
    parser.add_render_rule("table_close", lambda *_: "</table></div>")
    for edge in ("td", "th"):
        parser.add_render_rule(f"{edge}_open", _cell)
    for edge in ("heading_open", "heading_close"):
        parser.add_render_rule(edge, _heading)
    return parser


def _math(latex: str, options: dict[str, Any]) -> str:
    """MathML of a formula; the formula itself when it cannot be read."""
    try:
        return convert(latex, display="block" if options["display_mode"] else "inline")
    except Exception:  # noqa: BLE001 - the library raises a dozen unrelated classes, and a page must still appear
        return f"<code>{escape(latex)}</code>"


def _coloured(code: str, language: str, _attributes: str) -> str:
    """Code with a class on each token; plain when the language is unknown."""
    try:
        lexer = get_lexer_by_name(language)
    except ClassNotFound:
        return str(escape(code))
    coloured: str = highlight(code, lexer, HtmlFormatter(nowrap=True))
    return coloured


def _cell(_renderer: Any, tokens: Any, index: int, *_: Any) -> str:
    """A cell whose alignment is a class, since a style attribute is refused by the page's policy."""
    token = tokens[index]
    aligned = ' class="num"' if "right" in str(token.attrs.get("style", "")) else ""
    scope = ' scope="col"' if token.tag == "th" else ""
    return f"<{token.tag}{scope}{aligned}>"


def _heading(_renderer: Any, tokens: Any, index: int, *_: Any) -> str:
    """A heading below the page's own first two levels."""
    token = tokens[index]
    level = min(5, max(3, int(token.tag[1])))
    return f"<h{level}>" if token.nesting == 1 else f"</h{level}>\n"
