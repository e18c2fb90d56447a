"""Telethon as a client of the server at HOST:PORT, over several transports at once: a permanent key, and a call under it.

``python telethon_call.py HOST PORT PEM TRANSPORT[:SECRET]...``; on stdout one JSON object a line, see ``lines.py``. Telethon's
own log goes to stderr.
"""

from __future__ import annotations

import asyncio
import logging
from hashlib import sha1

from lines import DC, Order, read_order, stay_on_loopback, tell_answer
from telethon import TelegramClient, functions
from telethon.crypto import rsa
from telethon.network import connection
from telethon.network.connection import tcpmtproxy
from telethon.sessions import MemorySession

TRANSPORTS = {
    "full": connection.ConnectionTcpFull,
    "abridged": connection.ConnectionTcpAbridged,
    "intermediate": connection.ConnectionTcpIntermediate,
    "obfuscated-abridged": connection.ConnectionTcpObfuscated,
    "proxy-abridged": tcpmtproxy.ConnectionTcpMTProxyAbridged,
    "proxy-intermediate": tcpmtproxy.ConnectionTcpMTProxyIntermediate,
    "proxy-padded": tcpmtproxy.ConnectionTcpMTProxyRandomizedIntermediate,
}


async def call(order: Order, transport: str, secret: str) -> None:
    session = MemorySession()
    session.set_dc(DC, order.host, order.port)
    proxy = (order.host, order.port, secret) if secret else None
    client = TelegramClient(session, 1, "none", connection=TRANSPORTS[transport], proxy=proxy, receive_updates=False)
    await client.connect()
    answer = await client(functions.help.GetNearestDcRequest())
    tell_answer(transport, answer, sha1(session.auth_key.key).digest())
    await client.disconnect()


async def main() -> None:
    order = read_order()
    rsa.add_key(order.pem, old=False)
    stay_on_loopback()
    await asyncio.gather(*(call(order, *transport) for transport in order.transports))


logging.basicConfig(level=logging.INFO)
asyncio.run(main())
