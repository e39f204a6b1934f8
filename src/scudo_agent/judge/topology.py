"""Who depends on whom, worked out once for a site (`judging.md` 2 and 4)."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from scudo_agent.judge.site import JudgeSite


class Topology:
    """Orders, ancestors and the sets V, O and L of a site.

    `order` is the place in the file; `ancestors` are sorted by it. `under` names
    the contracted services that have a check, or one below it, among theirs;
    `concerns` the same, or without any the other services; `watchers` the checks
    whose fall can touch a contracted service.
    """

    def __init__(self, site: JudgeSite) -> None:
        self.site = site
        self.order = {path: place for place, path in enumerate(site.checks)}
        self.parents = {
            path: site.depends_on.get(rule.target, ())
            for path, rule in site.checks.items()
        }
        self._by_target: dict[str, tuple[str, ...]] = {}
        self.ancestors = {path: self._ancestors(path) for path in site.checks}
        self.vantage = tuple(path for path in site.checks if path in site.vantage)
        self.outside = tuple(
            path
            for path, rule in site.checks.items()
            if not rule.local and path not in site.vantage
        )
        self.above = frozenset().union(*self.ancestors.values())
        """Every check that another depends on."""
        self.line = frozenset(self.vantage) | frozenset(self.outside)
        self.services_of: dict[str, tuple[str, ...]] = {}
        self.under: dict[str, tuple[str, ...]] = {}
        self.concerns: dict[str, tuple[str, ...]] = {}
        self.watchers: dict[str, tuple[str, ...]] = {}
        self._index_services()

    def reopen_within(self, reopen_us: int) -> None:
        """The contract has another version: so long after a recovery is a relapse."""
        self.site = replace(self.site, reopen_us=reopen_us)

    def below(self, path: str, above: str) -> bool:
        """Whether `above` is an ancestor of `path`."""
        return above in self.ancestors.get(path, ())

    def sorted(self, paths: Iterable[str]) -> list[str]:
        """Checks in file order."""
        return sorted(paths, key=self.order.__getitem__)

    def root(self, path: str, bad: Callable[[str], bool]) -> str | None:
        """The topmost ancestor reached only through checks that are `bad`.

        Of several topmost ones the first in file order; None without any.
        """
        tops: set[str] = set()
        seen: set[str] = set()
        ahead = [parent for parent in self.parents[path] if bad(parent)]
        while ahead:
            check = ahead.pop()
            if check in seen:
                continue
            seen.add(check)
            higher = [parent for parent in self.parents[check] if bad(parent)]
            if not higher:
                tops.add(check)
            ahead.extend(higher)
        return min(tops, key=self.order.__getitem__, default=None)

    def _ancestors(self, path: str) -> tuple[str, ...]:
        target = self.site.checks[path].target
        known = self._by_target.get(target)
        if known is None:
            seen: set[str] = set()
            ahead = list(self.parents[path])
            while ahead:
                check = ahead.pop()
                if check not in seen:
                    seen.add(check)
                    ahead.extend(self.parents[check])
            known = self._by_target[target] = tuple(self.sorted(seen))
        return known

    def _index_services(self) -> None:
        services_of: dict[str, list[str]] = {}
        under: dict[str, dict[str, None]] = {}
        other: dict[str, dict[str, None]] = {}
        for service in self.site.services.values():
            watchers: dict[str, None] = {}
            for path in service.checks:
                services_of.setdefault(path, []).append(service.id)
                watchers |= dict.fromkeys((path, *self.ancestors[path]))
            if service.contracted:
                self.watchers[service.id] = tuple(watchers)
            found = under if service.contracted else other
            for path in watchers:
                found.setdefault(path, {})[service.id] = None
        self.services_of = {path: tuple(ids) for path, ids in services_of.items()}
        self.under = {path: tuple(ids) for path, ids in under.items()}
        self.concerns = {path: tuple(ids) for path, ids in (other | under).items()}
