"""An address that others chose is read in one way alone, and leads to the public internet or nowhere."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops import errors
from flowops.domain import addresses

GOOD = [
    "https://example.com",
    "https://example.com/",
    "https://EXAMPLE.com/Hook",
    "https://hooks.example.com:8443/a/b?token=c&d=%20",
    "https://xn--bcher-kva.example/",
    "https://example.com?a=b",
    "https://8.8.8.8/hook",
    "https://[2606:4700:4700::1111]:443/",
    "https://[64:ff9b::8.8.8.8]/",
    "https://example.com:80/",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "100.63.255.255", "172.15.0.1", "198.17.0.1", "2606:4700::1", "2a00:1450::1"]
_INSIDE = """
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.255 168.63.129.16
    169.254.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.8 192.0.0.170 192.0.2.1 192.31.196.1
    192.52.193.1 192.88.99.1 192.168.0.1 192.175.48.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1
    224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::8.8.8.8 ::ffff:8.8.8.8 ::ffff:127.0.0.1
    ::ffff:0:127.0.0.1 64:ff9b::127.0.0.1 64:ff9b::10.0.0.1 64:ff9b::169.254.169.254 64:ff9b:1::8.8.8.8 100::1
    2001::1 2001:0:7f00:1:: 2001:10::1 2001:20::1 2001:2::1 2001:db8::1 2002:808:808:: 2002:7f00:1::
    2620:4f:8000::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1 ff0e::1 fe80::1%lo
    2606:4700::1%lo
"""
NOT_PUBLIC = _INSIDE.split()


@pytest.mark.parametrize("url", GOOD)
def test_an_address_on_the_public_internet_may_be_called(url: str) -> None:
    assert addresses.check(url).url == url


def test_an_address_is_read_into_its_parts() -> None:
    target = addresses.parse("https://Hooks.example.com:8443/a?b=c")
    assert (target.scheme, target.host, target.port, target.literal) == ("https", "hooks.example.com", 8443, None)
    assert addresses.parse("http://[::1]").literal == IPv6Address("::1")
    assert addresses.parse("http://[::1]").port == 80


@pytest.mark.parametrize("address", PUBLIC)
def test_a_host_of_the_internet_is_public(address: str) -> None:
    assert addresses.is_public(ip_address(address))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_any_other_is_not(address: str) -> None:
    assert not addresses.is_public(ip_address(address))


@given(st.ip_addresses())
def test_nothing_is_public_that_is_private_multicast_or_another_host_in_disguise(
    address: IPv4Address | IPv6Address,
) -> None:
    if addresses.is_public(address):
        assert address.is_global
        assert not address.is_multicast
        assert not address.is_loopback
        assert not address.is_link_local
        assert not address.is_unspecified
        if isinstance(address, IPv6Address):
            assert address.ipv4_mapped is None
            assert address.sixtofour is None
            assert address.teredo is None


@given(st.text(), st.text(max_size=20))
def test_any_text_is_one_address_or_refused(host: str, path: str) -> None:
    for url in (host, f"https://{host}", f"https://{host}/{path}", f"https://example.com/{path}{host}"):
        try:
            target = addresses.check(url)
        except errors.ForbiddenTarget:
            continue
        assert url.isascii()
        assert url.isprintable()
        assert target.host in url.lower()


def test_one_answer_that_is_not_public_is_enough() -> None:
    target = addresses.parse("https://example.com")
    addresses.check_reached(target, [ip_address("8.8.8.8"), ip_address("1.1.1.1")])
    with pytest.raises(errors.ForbiddenTarget, match="not on the public internet"):
        addresses.check_reached(target, [ip_address("8.8.8.8"), ip_address("10.0.0.1")])


def test_an_allowed_network_may_be_reached_and_without_tls() -> None:
    allowed = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
    for url in ("http://10.1.2.3/", "http://10.1.2.3:8080/", "https://[fd00::1]/", "http://hooks.internal/"):
        addresses.check(url, allowed)
    for url in ("http://10.1.2.3/", "http://8.8.8.8/", "http://hooks.internal/"):
        with pytest.raises(errors.ForbiddenTarget):
            addresses.check(url)
    for url in ("http://8.8.8.8/", "http://11.0.0.1/", "https://192.168.0.1/", "https://[::ffff:10.1.2.3]/"):
        with pytest.raises(errors.ForbiddenTarget):
            addresses.check(url, allowed)
    plain = addresses.parse("http://hooks.internal/")
    addresses.check_reached(plain, [ip_address("10.0.0.1")], allowed)
    with pytest.raises(errors.ForbiddenTarget, match="https"):
        addresses.check_reached(plain, [ip_address("10.0.0.1"), ip_address("8.8.8.8")], allowed)


@pytest.mark.parametrize("port", [0, 22, 25, 53, 81, 444, 1023, 65536, 99999])
def test_a_port_of_another_protocol_is_refused(port: int) -> None:
    with pytest.raises(errors.ForbiddenTarget):
        addresses.check(f"https://example.com:{port}/")
