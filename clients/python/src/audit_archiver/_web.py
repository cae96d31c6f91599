"""What the middlewares read from a request, each by the rules of the contract."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from ._event import LIMITS
from ._ids import ids

_request_id = re.compile(r"[A-Za-z0-9._:@/+=-]{1,128}").fullmatch

# W3C Trace Context, version 00; ids of zeros are invalid.
_traceparent = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}").fullmatch

_Address = IPv4Address | IPv6Address


def request_id(header: str | None) -> str:
    """Return the incoming x-request-id if it is a good one, else a new UUID."""
    return header if header is not None and _request_id(header) else ids.new()


def traceparent(header: str | None) -> str | None:
    """Return the incoming traceparent if it is valid."""
    return header if header is not None and _traceparent(header) else None


def user_agent(header: str | None) -> str | None:
    """Return the user agent, cut to what an event takes."""
    return None if header is None else cut(header, LIMITS["user_agent"])


def cut(text: str, bytes_most: int) -> str:
    """Make a text of the client's own choice fit.

    A client that sends too much, U+0000 or what is no UTF-8 must not get the
    events of its requests refused.
    """
    if 4 * len(text) > bytes_most or not text.isascii():
        text = text.encode("utf-8", "replace")[:bytes_most].decode("utf-8", "ignore")
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in text else text


class TrustedProxies:
    """The proxies whose ``X-Forwarded-For`` is believed: addresses and networks.

    Raises ValueError for what is neither.
    """

    def __init__(self, proxies: Iterable[str] = ()) -> None:
        if isinstance(proxies, str):
            raise ValueError(f"trusted_proxies: want a list of addresses, not {proxies!r}")
        self._networks: list[IPv4Network | IPv6Network] = []
        for text in proxies:
            try:
                self._networks.append(ip_network(text, strict=False))
            except ValueError as e:
                raise ValueError(f"trusted_proxies: {e}") from None

    def client(self, peer: str | None, forwarded_for: Sequence[str]) -> str | None:
        """Return the client's address, or None if the peer has none.

        ``forwarded_for`` are the lines of the header, in their order.
        """
        if not (self._networks and forwarded_for):
            return _plain(peer or "")
        address = _parse(peer or "")
        if address is None:
            return None
        if self._trusts(address):
            for element in reversed(",".join(forwarded_for).split(",")):
                hop = _parse(element.strip(" \t"))
                if hop is None:
                    break
                address = hop
                if not self._trusts(hop):
                    break
        return str(address)

    def _trusts(self, address: _Address) -> bool:
        return any(address in network for network in self._networks)


@lru_cache(maxsize=4096)
def _plain(text: str) -> str | None:
    """Tell an address plainly. Clients come back; parsing is what costs."""
    address = _parse(text)
    return None if address is None else str(address)


def _parse(text: str) -> _Address | None:
    """Read an address. A zone is dropped: it means nothing elsewhere."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.scope_id is not None:
            return IPv6Address(int(address))
    return address
