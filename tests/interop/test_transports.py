"""Four clients that nobody here wrote, over every transport that each of them speaks: both sides tell the same story.

Telethon, GramJS and mtcute drop the first byte of a key where it is zero, once in 256 exchanges, take the server's answer for a
forgery and begin anew: so the server may know of keys that they do not.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from attrs import field, frozen

from kit.interop import FOLDER, LOOPBACK, find_node, find_python, serving, witnessing
from kit.programs import talking
from kit.serving import DC, SERVER_KEY
from mtproto_bind import Transport

GET_CONFIG, GET_NEAREST_DC, GET_USERS = "c4f9186b", "1fb33026", "0d91a548"
SECRET = "00112233445566778899aabbccddeeff"
PADDED_SECRET = f"dd{SECRET}"


@frozen
class Client:
    """A program that drives one of them; it takes HOST PORT PEM TRANSPORT[:SECRET]..."""

    find: Callable[[], str]
    """The interpreter; fails the test where the client is missing."""
    script: str
    transports: tuple[str, ...]
    """Over TCP."""
    proxied: tuple[str, ...]
    """The same with the secret of an MTProxy."""
    calls: tuple[str, ...]
    """What it asks, once on each transport."""
    websockets: tuple[str, ...] = ()
    """Through a WebSocket; those in Python speak none."""
    options: tuple[str, ...] = ()
    """What it needs of ``serve``."""
    binds: bool = field(default=False)

    def command(self, host: str, port: int, pem: Path, transports: tuple[str, ...]) -> list[object]:
        return [self.find(), FOLDER / self.script, host, port, pem, *transports]


CLIENTS = {
    "telethon": Client(
        find=partial(find_python, "telethon"),
        script="telethon_call.py",
        transports=("full", "abridged", "intermediate", "obfuscated-abridged"),
        proxied=(f"proxy-abridged:{SECRET}", f"proxy-intermediate:{SECRET}", f"proxy-padded:{PADDED_SECRET}"),
        calls=(GET_CONFIG, GET_USERS, GET_NEAREST_DC),
        options=("--allow-old-rsa",),
    ),
    "kurigram": Client(
        find=partial(find_python, "kurigram"),
        script="kurigram_call.py",
        transports=("full", "abridged", "intermediate", "padded", "obfuscated-abridged", "obfuscated-intermediate"),
        proxied=(f"proxy-abridged:{SECRET}", f"proxy-padded:{PADDED_SECRET}"),
        calls=(GET_CONFIG, GET_NEAREST_DC),
        options=("--allow-old-rsa",),
    ),
    "gramjs": Client(
        find=find_node,
        script="gramjs_call.mjs",
        transports=("full", "abridged", "obfuscated-abridged"),
        proxied=(f"proxy-abridged:{SECRET}",),
        calls=(GET_CONFIG, GET_NEAREST_DC),
        websockets=("websocket-abridged",),
    ),
    "mtcute": Client(
        find=find_node,
        script="mtcute_call.mjs",
        transports=("intermediate", "padded", "obfuscated-intermediate", "obfuscated-padded"),
        proxied=(f"proxy-intermediate:{SECRET}", f"proxy-padded:{PADDED_SECRET}"),
        calls=(GET_NEAREST_DC,),
        websockets=("websocket-intermediate", "websocket-padded"),
        binds=True,
    ),
}


def several(*names: str) -> pytest.MarkDecorator:
    """A test for each of these clients."""
    return pytest.mark.parametrize("client", [CLIENTS[name] for name in names], ids=names)


every_client = several(*CLIENTS)
every_client_of_websockets = several(*(name for name, client in CLIENTS.items() if client.websockets))


@pytest.fixture
def public_pem(tmp_path: Path) -> Path:
    path = tmp_path / "public.pem"
    path.write_text(SERVER_KEY.public.to_pem())
    return path


def drive(client: Client, port: int, pem: Path, transports: tuple[str, ...]) -> list[dict[str, Any]]:
    """What the client has to say of its calls, in no order."""
    with talking(client.command(LOOPBACK, port, pem, transports), pem.with_name("client.log")) as program:
        program.finish()
        return program.events("answered")


def check_story(
    client: Client, transports: tuple[str, ...], answered: list[dict[str, Any]], server: list[dict[str, Any]]
) -> None:
    """What the client tells is what the server tells."""
    assert sorted(line["transport"] for line in answered) == sorted(transport.partition(":")[0] for transport in transports)
    assert {(line["answer"].lower(), line["nearest_dc"]) for line in answered} == {("nearestdc", DC.id)}
    keys = [line["key_id"] for line in answered]
    kind = "temporary" if client.binds else "permanent"
    assert len(set(keys)) == len(keys)
    assert {*keys} <= {line["key_id"] for line in server if line["event"] == "key_created" and line["kind"] == kind}
    bindings = [(line["temporary_key_id"], line["permanent_key_id"]) for line in server if line["event"] == "key_bound"]
    expected = [(line["key_id"], line["permanent_key_id"]) for line in answered] if client.binds else []
    assert sorted(bindings) == sorted(expected)
    calls = [line["method"] for line in server if line["event"] == "call"]
    assert sorted(calls) == sorted(client.calls * len(transports))
    assert [line for line in server if line["event"] == "client_dropped"] == []


def check_it_stays(client: Client, pem: Path, transports: tuple[str, ...]) -> None:
    """No socket of its transports leads anywhere but to loopback."""
    # 192.0.2.0/24 is for documentation: nobody is there
    command = client.command("192.0.2.1", 443, pem, transports)
    with talking(command, pem.with_name("client.log")) as program, pytest.raises(AssertionError, match=r"192\.0\.2\.1 is not on"):
        program.finish()


@every_client
def test_over_every_transport(client: Client, tmp_path: Path, public_pem: Path) -> None:
    with serving(tmp_path, "--dc", DC.id, *client.options) as (server, port):
        answered = drive(client, port, public_pem, client.transports)
        server.finish(by=signal.SIGTERM)
    check_story(client, client.transports, answered, server.told)


@every_client_of_websockets
def test_through_a_websocket(client: Client, tmp_path: Path, public_pem: Path) -> None:
    with serving(tmp_path, "--dc", DC.id, *client.options, carrier="websocket") as (server, port):
        answered = drive(client, port, public_pem, client.websockets)
        server.finish(by=signal.SIGTERM)
    check_story(client, client.websockets, answered, server.told)


@several("telethon", "kurigram", "gramjs")
def test_with_the_secret_of_a_proxy(client: Client, public_pem: Path) -> None:
    # a stream without a secret, or with another one, is none that this server knows
    transport = Transport.detect(obfuscated_only=True, secrets=[bytes(16), bytes.fromhex(SECRET)])
    with witnessing(transport) as (witness, port):
        answered = drive(client, port, public_pem, client.proxied)
    check_story(client, client.proxied, answered, witness.told)
    known = {line[name] for line in answered for name in ("key_id", "permanent_key_id") if name in line}
    assert [key[:1] for key_id, key in witness.keys.items() if key_id not in known] in ([], [b"\0"], [b"\0"] * 2)


@several("mtcute")
def test_with_a_secret_that_the_command_line_was_given(client: Client, tmp_path: Path, public_pem: Path) -> None:
    secrets = ("--secret", bytes(16).hex(), "--secret", SECRET)
    with serving(tmp_path, "--dc", DC.id, *secrets, *client.options) as (server, port):
        answered = drive(client, port, public_pem, client.proxied)
        server.finish(by=signal.SIGTERM)
    check_story(client, client.proxied, answered, server.told)


@every_client
def test_it_never_leaves_loopback(client: Client, public_pem: Path) -> None:
    check_it_stays(client, public_pem, client.transports)


@every_client_of_websockets
def test_its_websockets_never_leave_loopback(client: Client, public_pem: Path) -> None:
    check_it_stays(client, public_pem, client.websockets)


def test_a_missing_package_is_a_failure_that_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match="npm ci --ignore-scripts in tests/interop"):
        find_node(tmp_path)


def test_a_missing_node_is_a_failure_that_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pytest.fail.Exception, match="apt-get install nodejs npm"):
        find_node()


@pytest.mark.parametrize("found", [None, "1.44.0"])
def test_a_missing_or_another_python_client_is_a_failure(
    found: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    if found:
        metadata = tmp_path / f"telethon-{found}.dist-info" / "METADATA"
        metadata.parent.mkdir()
        metadata.write_text(f"Metadata-Version: 2.1\nName: telethon\nVersion: {found}\n")
    with pytest.raises(pytest.fail.Exception, match=f"found {found or 'nothing'}: pip install --group interop"):
        find_python("telethon")
