"""Days of a contract: its country's holidays as the library has them, its carenza."""

from collections import Counter
from datetime import date

from scudo_agent.config.contract_shape import HolidaysFile
from scudo_agent.config.document import Document, Loc
from scudo_agent.config.suggest import did_you_mean
from scudo_agent.contract.calendar import Calendar
from scudo_agent.contract.model import Contract
from scudo_agent.errors import Fault, InputError


def holiday_faults(doc: Document, file: HolidaysFile) -> list[Fault]:
    """What the library does not know, and days that stand in a list twice."""
    faults = _twice(doc, file)
    if file.country == "IT" and file.province is None:
        return faults  # the usual case costs no import of the library
    if file.country is None:
        if file.province is not None:
            what = "a province needs its country; 'country: null' has no patron saints"
            faults.append(doc.fault(("holidays", "province"), what))
        return faults
    from holidays import list_supported_countries

    known = list_supported_countries(include_aliases=False)
    if file.country not in known:
        hint = did_you_mean(file.country.upper(), known)
        what = f"'{file.country}' is no country with known holidays"
        right = hint or ", such as IT, or null for the contract's own list only"
        faults.append(doc.fault(("holidays", "country"), what + right))
    elif file.province is not None and file.province not in known[file.country]:
        faults.append(_province(doc, file.country, file.province, known[file.country]))
    return faults


def _province(doc: Document, country: str, province: str, known: list[str]) -> Fault:
    from holidays import country_holidays

    names = getattr(type(country_holidays(country)), "subdivisions_aliases", {})
    meant = names.get(province.title())
    hint = did_you_mean(meant) if meant else did_you_mean(province.upper(), known)
    what = f"'{province}' is no province of {country} with a known patron saint{hint}"
    return doc.fault(("holidays", "province"), what)


def _twice(doc: Document, file: HolidaysFile) -> list[Fault]:
    faults = []
    for key in ("add", "remove"):
        seen: set[str] = set()
        for index, rule in enumerate(getattr(file, key)):
            if rule.text in seen:
                loc: Loc = ("holidays", key, index)
                faults.append(
                    doc.fault(loc, f"'{rule.text}' stands here a second time")
                )
            seen.add(rule.text)
    return faults


def carenza_faults(doc: Document, contract: Contract) -> list[Fault]:
    """Carenza days that are no working days, or more than a year may have."""
    if not contract.carenza.days:
        return []
    calendar = Calendar(contract)
    faults = []
    years: Counter[int] = Counter()
    seen: set[date] = set()
    for index, day in enumerate(contract.carenza.days):
        try:
            if day in seen:
                what = f"'{day}' stands here a second time"
            else:
                what = _no_carenza(calendar, day) or _too_many(calendar, day, years)
        except InputError as exc:  # a year whose holidays nobody knows
            what = str(exc)
        if what:
            faults.append(doc.fault(("carenza", "days", index), what))
        seen.add(day)
    return faults


def _too_many(calendar: Calendar, day: date, years: Counter[int]) -> str:
    """Why this day is one too many; empty if it is not. Counts it in its year."""
    begins = calendar.contract_days(day.year)[0]
    year = day.year if day >= begins else day.year - 1
    years[year] += 1
    allowed = calendar.carenza_allowed(year)
    if years[year] <= allowed:
        return ""
    return (
        f"{day} is day {years[year]} without cover in the contract year from "
        f"{calendar.contract_days(year)[0]}, which may have {allowed} "
        f"({calendar.contract.carenza.percent} % of its working days)"
    )


def _no_carenza(calendar: Calendar, day: date) -> str:
    """Why a day cannot be one without cover; empty if it can."""
    if day < calendar.contract.year_start:
        start = calendar.contract.year_start
        return f"{day} is before the contract begins, which is {start}"
    if calendar.works_without_carenza(day):
        return ""
    name = calendar.holiday(day)
    why = f"it is a holiday ({name})" if name else "it has no service hours"
    return f"{day} is no working day, so it has no cover to leave out: {why}"
