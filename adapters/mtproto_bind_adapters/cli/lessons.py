"""What ``--help`` teaches: what each command is for, and how it is used."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["LESSONS", "Lesson"]


class Lesson(NamedTuple):
    """``summary``: a line. ``text``: what happens. ``examples``: what to type."""

    summary: str
    text: str
    examples: str


WHOLE = Lesson(
    summary="",
    text="""\
MTProto from nothing to bound: a permanent authorization key, a temporary one, and auth.bindTempAuthKey
between the two (perfect forward secrecy), as client and as server.""",
    examples="""\
begin here:
  mtproto-bind demo                                        see the whole exchange, on this machine
  mtproto-bind genkey --out server.pem > public.pem        a key for a server of your own
  mtproto-bind serve --listen 127.0.0.1:8443 --private-key server.pem
  mtproto-bind bind --host 127.0.0.1 --port 8443 --server-key public.pem

`mtproto-bind COMMAND --help` tells more about each. With --json every command speaks to programs.
exit codes: 0 done, 1 the protocol failed, 2 wrong usage, 130 interrupted""",
)

DEMO = Lesson(
    summary="a server and a client on loopback: both keys, the binding, a call, a renewal",
    text="""\
A server and a client in one process, over real TCP on loopback. One connection makes the permanent key while
another makes the temporary one; then the two are bound, a call goes out right behind the binding, the temporary
key is renewed on the live stream, and a call goes out under the new one.""",
    examples="""\
what to look for:
  arrows are writes and reads, with their bytes; 3 round trips make a key, the 4th binds and answers the call""",
)

BIND = Lesson(
    summary="make the keys with a server and bind them",
    text="""\
Makes a permanent key (or takes one from a file or a vault) and a temporary one with a server, and binds them. It
trusts Telegram's own keys, or those of --server-key and no others.""",
    examples="""\
examples:
  mtproto-bind bind --host 127.0.0.1 --port 8443 --server-key public.pem
  mtproto-bind bind --host 127.0.0.1 --port 8443 --server-key public.pem --save-permanent-key key.json
      make a permanent key and keep it; the next time: --permanent-key key.json
  mtproto-bind bind --host proxy.example --port 443 --secret dd00112233445566778899aabbccddeeff
      through an MTProxy
  mtproto-bind bind --websocket ws://127.0.0.1:8080/apiws --server-key public.pem
      through a WebSocket, as a browser would""",
)

SERVE = Lesson(
    summary="a server that makes keys and binds them for any client",
    text="""\
Makes keys, binds them, and answers ping, get_future_salts, help.getConfig and help.getNearestDc: enough for real
clients to say they are connected. Takes every transport, plain and obfuscated. Runs until SIGTERM or SIGINT.""",
    examples="""\
examples:
  mtproto-bind genkey --out server.pem > public.pem
  mtproto-bind serve --listen 127.0.0.1:8443 --private-key server.pem
  mtproto-bind serve --listen 127.0.0.1:8443 --websocket 127.0.0.1:8080 --private-key server.pem
      for browsers too, at ws://127.0.0.1:8080/apiws
  mtproto-bind serve --listen 127.0.0.1:8443 --private-key server.pem --store sqlite:keys.db
      permanent keys outlive the process
  mtproto-bind serve --listen 127.0.0.1:0 --private-key server.pem --json
      a free port, and one JSON object a line for each event
  --allow-old-rsa is what Telethon, kurigram and Pyrogram need; it weakens the handshake for everybody""",
)

SIGN = Lesson(
    summary="the vault of the split binder: seals bindings with a permanent key that stays here",
    text="""\
Keeps a permanent key and seals bindings with it for others, over HTTP on loopback: POST /sign. Whoever can reach it
can have bindings sealed, and nothing else: the key does not leave, and no message can be sent under it.""",
    examples="""\
examples:
  mtproto-bind sign --permanent-key key.json --listen 127.0.0.1:8444
  mtproto-bind bind --host ... --vault http://127.0.0.1:8444 --permanent-key-id 0ada403ec925428d""",
)

GENKEY = Lesson(
    summary="make an RSA key for a server",
    text="""\
Makes the RSA key that a server proves itself with. The public half and its fingerprint are printed: clients have to
know it.""",
    examples="""\
examples:
  mtproto-bind genkey --out server.pem > public.pem""",
)

LESSONS = {"mtproto-bind": WHOLE, "demo": DEMO, "bind": BIND, "serve": SERVE, "sign": SIGN, "genkey": GENKEY}
