"""What an agent asks of the desk about windows (`PUT`/`POST` bodies).

When the customer was told stands in none of them: the desk knows it by itself.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from scudo_agent.wire import SiteService, When

Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)
]
By = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)
]
"""The name of the person who asks."""

Day = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Services(_Request):
    """The site's services, in the site file's order."""

    services: Annotated[list[SiteService], Field(max_length=1000)]


class NewSeries(_Request):
    """Occurrences by a rule such as `first saturday 22:00-02:00`.

    They start on local days from `first` (default: today) to `last`, wall times in
    `zone` (default: the site's). `announce` `together` is one mail for all, `each`
    one mail for every occurrence.
    """

    rule: Annotated[str, Field(min_length=1, max_length=100)]
    first: Day | None = None
    last: Day
    zone: Annotated[str | None, Field(max_length=60)] = None
    announce: Literal["together", "each"] = "together"


class NewWindow(_Request):
    """A window `[start, end)`, or a series of them."""

    kind: Literal["ordinary", "extraordinary", "upgrade", "occasional"]
    services: Annotated[list[str], Field(min_length=1, max_length=200)]
    reason: Line
    by: By
    start: When | None = None
    end: When | None = None
    peak_notice: When | None = None
    series: NewSeries | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "NewWindow":
        spans = [text is not None for text in (self.start, self.end)]
        if self.series is None and not all(spans):
            raise ValueError("give 'start' and 'end', or a 'series'")
        if self.series is not None and any(spans):
            raise ValueError("a series has no 'start' and 'end' of its own")
        return self


class MoveWindow(_Request):
    """A further announcement: from now on the window is `[start, end)`."""

    start: When
    end: When
    by: By
    peak_notice: When | None = None


class CancelWindow(_Request):
    """Call a window off, or all of a series that are not over."""

    by: By
    reason: Line


class CorrectWindow(_Request):
    """Note what was otherwise than announced; it changes no figure."""

    by: By
    change: Line
    reason: Line
