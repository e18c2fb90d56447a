"""kurigram as a client of the server at HOST:PORT, over several transports at once: a permanent key, and a call under it.

``python kurigram_call.py HOST PORT PEM TRANSPORT[:SECRET]...``; on stdout one JSON object a line, see ``lines.py``. kurigram's
own log goes to stderr.
"""

from __future__ import annotations

import asyncio
import logging
from hashlib import sha1

from lines import DC, Order, read_order, stay_on_loopback, tell_answer
from pyrogram import Client, raw
from pyrogram.connection.transport import tcp
from pyrogram.crypto import rsa
from pyrogram.session import Auth, Session

from mtproto_bind import PublicKey

TRANSPORTS = {
    "full": tcp.TCPFull,
    "abridged": tcp.TCPAbridged,
    "intermediate": tcp.TCPIntermediate,
    "padded": tcp.TCPIntermediatePadded,
    "obfuscated-abridged": tcp.TCPAbridgedO,
    "obfuscated-intermediate": tcp.TCPIntermediateO,
    "proxy-abridged": tcp.TCPAbridged,
    "proxy-padded": tcp.TCPIntermediatePadded,
}


async def call(order: Order, transport: str, secret: str) -> None:
    proxy = {"scheme": "mtproxy", "hostname": order.host, "port": order.port, "secret": secret} if secret else None
    factory = TRANSPORTS[transport]
    client = Client(transport, api_id=1, api_hash="none", in_memory=True, proxy=proxy, protocol_factory=factory)
    await client.storage.open()
    await client.storage.api_id(client.api_id)
    key = await Auth(client, DC, order.host, order.port, False).create()
    session = Session(client, DC, order.host, order.port, key, False)
    await session.start()
    answer = await session.invoke(raw.functions.help.GetNearestDc())
    tell_answer(transport, answer, sha1(key).digest())
    await session.stop()
    await client.storage.close()


async def main() -> None:
    order = read_order()
    # it has no reader for PEM of its own
    key = PublicKey.from_pem(order.pem)
    fingerprint = key.fingerprint - (key.fingerprint >> 63 << 64)
    rsa.server_public_keys[fingerprint] = rsa.PublicKey(key.n, key.e)
    stay_on_loopback()
    # it gives a new session 2 seconds, and begins anew
    Session.START_TIMEOUT = tcp.TCP.TIMEOUT = 60
    await asyncio.gather(*(call(order, *transport) for transport in order.transports))


logging.basicConfig(level=logging.INFO)
asyncio.run(main())
