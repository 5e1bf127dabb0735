"""What a request's own connection, and a proxy that we know, say about where it comes from.

Whoever wants to can send `X-Forwarded-For` or a user's name in a header: they count only where the
connection itself comes from an address on the operator's list.

Invariant: from any other address every such header is ignored here, and keeps the request from
being trusted for coming with nothing (`serving/identity.py`).
"""

import ipaddress
from collections.abc import Sequence

from starlette.requests import HTTPConnection

from serving.errors import Unauthorized

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
BLOCKS = {4: 24, 6: 56}
"""Leading bits of an address that belong to one household or site, by the version of IP."""
LONGEST_USER = 128


UNKNOWN = "unknown"
"""The address block of a request that has no address, e.g. by a socket."""


class Proxies:
    """The reverse proxies of this service."""

    def __init__(self, networks: Sequence[str], user_header: str) -> None:
        self._networks = [ipaddress.ip_network(network, strict=False) for network in networks]
        self.user_header = user_header.lower()

    def sent(self, request: HTTPConnection) -> bool:
        """Say whether a known proxy passed this request on."""
        peer = _address(request.client.host) if request.client else None
        return peer is not None and self._knows(peer)

    def user(self, request: HTTPConnection) -> str | None:
        """Return the user whom a known proxy says that it has logged in.

        Raises:
            Unauthorized: it names two, or something that is no name.
        """
        if not self.user_header or not self.sent(request):
            return None
        users = request.headers.getlist(self.user_header)
        if not users:
            return None
        user = users[0].strip()
        if len(users) > 1 or not 0 < len(user) <= LONGEST_USER or not user.isprintable():
            raise Unauthorized(f"the proxy must send one name in {self.user_header!r}")
        return user

    def is_https(self, request: HTTPConnection) -> bool:
        """Say whether the browser's own connection is encrypted."""
        forwarded = request.headers.get("x-forwarded-proto", "") if self.sent(request) else ""
        return request.url.scheme == "https" or forwarded.strip().lower() == "https"

    def block(self, request: HTTPConnection) -> str:
        """Return the address block that a request comes from, beyond every known proxy."""
        address = _address(request.client.host) if request.client else None
        hops = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
        while address is not None and self._knows(address) and hops:
            # Each proxy appends whom it heard from: only what ours appended is worth anything.
            further = _address(hops.pop())
            if further is None:
                break
            address = further
        if address is None:
            return UNKNOWN
        return str(ipaddress.ip_network((address, BLOCKS[address.version]), strict=False))

    def _knows(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def _address(text: str) -> Address | None:
    """Read an address, with or without a port; None: it is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
