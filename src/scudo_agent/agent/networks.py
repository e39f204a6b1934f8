"""What may be probed: the site's `networks`, else the targets' own addresses."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address


class Allowance:
    """Whether an address may be connected to, asked for every connection.

    With `networks`, the address must lie in one of them. Without, it must be
    one of `hosts`, or what one of their names stood for: then only addresses
    that are no link-local, multicast or unspecified ones are allowed, since
    those are never a target's own address in a name server.
    """

    __slots__ = ("_allowed", "_literal", "_named", "_networks")

    def __init__(
        self,
        networks: Sequence[IPv4Network | IPv6Network] | None,
        hosts: Iterable[str],
    ) -> None:
        self._networks = networks
        self._literal: tuple[str, ...] = ()
        self._named = False
        # The address that was allowed last, which is nearly always the next one too.
        self._allowed: str | None = None
        for host in hosts:
            try:
                self._literal += (str(ip_address(host.partition("%")[0])),)
            except ValueError:
                self._named = True

    def __call__(self, address: str) -> bool:
        """True when `address`, an IP address in text, may be connected to."""
        if address == self._allowed:
            return True
        if not self._looked(address):
            return False
        self._allowed = address
        return True

    def _looked(self, address: str) -> bool:
        try:
            found = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(found, "ipv4_mapped", None)
        found = mapped or found
        if self._networks is not None:
            return any(
                found.version == net.version and found in net for net in self._networks
            )
        if str(found) in self._literal:
            return True
        odd = found.is_link_local or found.is_multicast or found.is_unspecified
        return self._named and not odd
