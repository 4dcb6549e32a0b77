"""Requests to providers: bounded, never into a private network unasked, and what answers mean."""

from __future__ import annotations

import socket
import time
from ipaddress import ip_network
from typing import Any

import pytest

from tests.staff.channels import receiver
from web.staff.channels import _http
from web.staff.channels._http import Failed, Http, failure
from web.staff.channels.contract import Why
from web.staff.core import connections
from web.staff.core.connections import Answer
from web.staff.core.reaching import is_public


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "0.1.2.3"),
        *("100.64.0.1", "224.0.0.1", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1"),
        *("::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "::ffff:169.254.169.254"),
        *("fec0::1", "::127.0.0.1", "::a00:1", "64:ff9b:1::a00:1", "::ffff:0:10.0.0.1"),
        *("192.0.0.170", "3fff::1", "5f00::1", "100:0:0:1::1"),
    ],
)
def test_private_addresses_are_known_in_every_form(address: str) -> None:
    """This machine, private, link-local and shared networks; also written as IPv6."""
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f::1", "64:ff9b::5db8:d70e"])
def test_public_addresses_are_public(address: str) -> None:
    """The open internet."""
    assert is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"])
def test_a_private_address_is_never_asked(host: str) -> None:
    """An address that comes from a page or a browser leads nowhere inside: nothing connects."""
    with receiver.running() as provider:
        with pytest.raises(Failed, match="private network") as caught:
            Http(public_only=True).send("POST", f"http://{host}:{provider.port}/")
        assert caught.value.why is Why.BAD
        assert provider.asked == []


def test_a_private_address_that_is_configured_is_asked() -> None:
    """A service of the organisation's own, as the server's configuration says."""
    with receiver.running() as provider:
        http = Http(public_only=True, allow=[ip_network("127.0.0.0/8")])
        assert http.send("GET", f"{provider.url}/x").status == 200


def test_one_private_address_of_several_is_enough_to_refuse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name with a public and a private address is not tried until the public one answers."""

    def both(*_: Any, **__: Any) -> list[Any]:
        found = ("93.184.215.14", "10.0.0.1")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80)) for ip in found]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with pytest.raises(Failed, match="private network"):
        Http(public_only=True).send("GET", "http://both.example/")


def test_the_connection_goes_to_the_address_that_was_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that says something else the second time is not asked a second time."""
    asked = []
    real = socket.getaddrinfo

    def once(host: Any, *more: Any, **named: Any) -> Any:
        asked.append(host)
        return real("127.0.0.1" if host == "name.example" else host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", once)
    with receiver.running() as provider:
        assert Http().send("GET", f"http://name.example:{provider.port}/").status == 200
    assert asked.count("name.example") == 1
    assert provider.asked[0].headers["host"] == f"name.example:{provider.port}"


@pytest.mark.parametrize(
    "url", ["", "x", "ftp://a.example/", "http://", "http://a:b:c/", "file:///"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    """Only HTTP, and only with a host."""
    with pytest.raises(Failed) as caught:
        Http().send("GET", url)
    assert caught.value.why is Why.BAD


def test_every_status_means_something() -> None:
    """2xx is a success; every other status has its `Why`, and only BUSY is tried again."""
    for status in range(100, 600):
        said = failure(Answer(status, b"", {}), gone=frozenset({404, 410}))
        if 200 <= status < 300:
            assert said is None
            continue
        assert said is not None
        assert (said.again_s is not None) is (said.why is Why.BUSY)
        assert str(status) in said.text
    found = {
        status: said.why
        for status in (302, 400, 401, 402, 403, 404, 410, 422, 429, 500, 503)
        if (said := failure(Answer(status, b"", {}), gone=frozenset({404, 410})))
    }
    assert found == {
        **dict.fromkeys((302, 400, 422), Why.BAD),
        **dict.fromkeys((401, 402, 403), Why.REFUSED),
        **dict.fromkeys((404, 410), Why.GONE),
        **dict.fromkeys((429, 500, 503), Why.BUSY),
    }


@pytest.mark.parametrize(
    ("said", "again_s"),
    [
        *(("7", 7.0), ("0", 1.0), ("86400", 60.0), ("", 5.0), ("soon", 5.0), ("-1", 5.0)),
        *(("9" * 400, 5.0), ("nan", 5.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 1.0)),
        *(("Fri, 01 Jan 2100 00:00:00 GMT", 60.0), ("٣", 5.0)),
    ],
)
def test_retry_after_counts_within_bounds(said: str, again_s: float) -> None:
    """Seconds or a date; nonsense is our own pause, and nobody is told to wait for a day."""
    assert _http.again_s(Answer(429, b"", {"retry-after": said})) == again_s


# --- connections that are kept


def test_a_connection_is_kept_for_the_next_message() -> None:
    """A hundred messages to one provider are one connection, each with its own answer."""
    http = Http()
    with receiver.running() as provider:
        provider.keeps = True
        for number in range(100):
            provider.good = b"%d" % number
            assert http.send("POST", f"{provider.url}/", body=b"x").body == b"%d" % number
        assert provider.connections == 1
        http.close()


@pytest.mark.parametrize("how", ["twice", "half", "close", "garbage"])
def test_no_message_gets_anothers_answer(how: str) -> None:
    """A provider that answers twice, or not to the end, is greeted anew: what is left over is no
    answer to the next message."""
    http = Http(timeout_s=2.0 if how in ("half", "close") else 60.0)  # they time out
    with receiver.running(b'{"id": "1"}') as provider:
        provider.keeps = True
        provider.next.append(how)
        if how == "twice":
            http.send("POST", f"{provider.url}/", body=b"x")
        else:
            with pytest.raises(Failed):
                http.send("POST", f"{provider.url}/", body=b"x")
        provider.good, http.timeout_s = b'{"id": "2"}', 60.0
        assert http.send("POST", f"{provider.url}/", body=b"x").body == b'{"id": "2"}'
        assert provider.connections == 2
        http.close()


def test_a_connection_that_ended_meanwhile_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider hung up after its answer, or it is a while ago: the next message is sent on a
    new connection, once."""
    http = Http()
    with receiver.running() as provider:
        for _ in range(3):
            http.send("POST", f"{provider.url}/", body=b"x")
            for kept in http._kept._free:
                while kept.is_quiet():
                    time.sleep(0.001)
        assert (provider.connections, len(provider.asked)) == (3, 3)
        provider.keeps = True
        monkeypatch.setattr(connections, "KEPT_S", -1.0)
        for _ in range(2):
            http.send("POST", f"{provider.url}/", body=b"x")
        assert (provider.connections, len(provider.asked)) == (5, 5)
        http.close()


def test_a_server_that_is_broken_is_looked_for_anew() -> None:
    """One of several behind a name answers that it cannot: the next try may reach another."""
    http = Http()
    with receiver.running() as provider:
        provider.keeps = True
        for how in ("503", "ok", "429", "ok"):
            provider.next.append(how)
            http.send("POST", f"{provider.url}/", body=b"x")
        assert provider.connections == 2
        http.close()


def test_kept_connections_are_bounded() -> None:
    """Of many servers no more are kept than there are threads; all are closed in the end."""
    http = Http()
    kept = []
    for number in range(connections.KEPT_MAX + 3):
        ours, theirs = socket.socketpair()
        connection = connections.Connection(f"h{number}.example", 80, "192.0.2.1")
        connection.sock, connection._stays = ours, True
        http._kept.give(connection)
        kept.append((connection, theirs))
    assert sum(one.sock is not None for one, _ in kept) == connections.KEPT_MAX
    http.close()
    assert all(one.sock is None for one, _ in kept)
    for _, theirs in kept:
        theirs.close()
