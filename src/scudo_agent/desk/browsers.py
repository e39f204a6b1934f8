"""With what somebody reads, in two words; of a User-Agent nothing else is kept."""

_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrom", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_SIGNS = 500
"""Where neither has been named by then, it is no browser of the list."""


def browser_words(agent: str) -> str:
    """`Firefox · Linux`, as far as the header says; empty for what is not known.

    The order matters: most browsers say that they are others as well.
    """
    said = agent[:_SIGNS]
    kinds = (_BROWSERS, _SYSTEMS)
    found = (next((word for sign, word in k if sign in said), "") for k in kinds)
    return " · ".join(word for word in found if word)
