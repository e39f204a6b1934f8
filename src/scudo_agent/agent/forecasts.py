"""The forecasts of one site, taken up where the store was left."""

from collections.abc import Mapping

from scudo_agent.config.site import Site
from scudo_agent.judge.forecast import Forecaster
from scudo_agent.model import Trend
from scudo_agent.store.read import StoreReader


def trends(site: Site) -> Mapping[str, Trend]:
    """What is to be foreseen, by check."""
    return {
        path: trend
        for path, check in site.checks.items()
        if (trend := check.settings.trend(check.target.address)) is not None
    }


def measures(site: Site) -> dict[str, str]:
    """What the hours of each check are of that has a forecast."""
    return Forecaster(trends(site)).measures()


def follow(forecaster: Forecaster, site: Site, reader: StoreReader) -> None:
    """Go by another version of the site file; hours that are known stay known."""
    fresh = set(forecaster.use(trends(site)))
    wanted = {c: what for c, what in forecaster.measures().items() if c in fresh}
    if wanted:
        for check, hours in reader.hours(wanted).items():
            forecaster.restore(check, hours)


def restored_forecaster(site: Site, reader: StoreReader) -> Forecaster:
    """The forecaster with the hours that were stored."""
    forecaster = Forecaster(trends(site))
    for check, hours in reader.hours(forecaster.measures()).items():
        forecaster.restore(check, hours)
    return forecaster
