"""A statement as a page: sentences, charts, and every figure with its why.

Nothing is read but the statement: the page is the same wherever it is made. It loads
nothing, runs nothing and styles itself with one style sheet whose hash stands in its
own Content-Security-Policy; who serves it adds `STYLE_SOURCE` to `style-src`.
"""

from base64 import b64encode
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from scudo_agent.config.statement_file import accounts_of_statement, remade
from scudo_agent.contract.statement import altered
from scudo_agent.errors import InputError, ScudoError
from scudo_agent.instant import parse_instant
from scudo_agent.locale import translator
from scudo_agent.statement.view import page

_FOLDER = Path(__file__).parent / "templates"
STYLE = (_FOLDER / "statement.css").read_text("utf-8")
MARK = '<meta name="generator" content="scudo-agent statement">'
"""In each page's head: who writes one anew knows his own by it."""
STYLE_SOURCE = f"'sha256-{b64encode(sha256(STYLE.encode('utf-8')).digest()).decode()}'"
"""For the `style-src` of whoever serves a page."""


def render_statement(statement: Mapping[str, Any], *, language: str) -> str:
    """The page of a statement, as `contract.statement.statement` makes it.

    Raises `InputError` for one whose figures do not follow from its inputs: what was
    altered is not drawn. `ScudoError` if the templates' library is not installed.
    """
    inputs, accounts = accounts_of_statement(statement, name="the statement")
    wrong = altered(statement, remade(statement, inputs, accounts))
    if wrong:
        raise InputError(f"the statement was altered: {wrong[0]}")
    found = page(statement, inputs, accounts, language=language)
    speaker = translator(language)
    template = _environment().get_template("statement.html")
    return str(
        template.render(
            **speaker.functions(found.zone),
            language=speaker.language,
            page=found,
            at_instant=parse_instant(inputs.at),
            style=STYLE,
            style_source=STYLE_SOURCE,
        )
    )


@lru_cache(maxsize=1)
def _environment() -> Any:
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ModuleNotFoundError:
        raise ScudoError(
            "a page needs jinja2, which comes with the desk: install scudo-agent[desk]"
        ) from None
    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
