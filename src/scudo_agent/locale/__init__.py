"""Sentences, dates and numbers in the reader's language.

One catalogue a language: `LANGUAGE.po` in this folder; English needs none, since
the message ids are English. `translator("it").render(text, zone="Europe/Rome")`
is all that most callers need.
"""

from scudo_agent.locale.catalogue import languages
from scudo_agent.locale.translator import Translator, translator

__all__ = ["Translator", "languages", "translator"]
