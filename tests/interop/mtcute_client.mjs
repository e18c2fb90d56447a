// A client by mtcute for the server at HOST:PORT and for no other. Its own log goes to stderr (MTCUTE_LOG_LEVEL=4 for all).
//
// @mtcute/web is not published as 0.30: the WebSockets are those of 0.27.8, over the core of 0.30.3 (overrides in package.json).

import { readFileSync } from 'node:fs'
import { format } from 'node:util'
import { IntermediatePacketCodec, ObfuscatedPacketCodec, PaddedIntermediatePacketCodec } from '@mtcute/core'
import { addPublicKey } from '@mtcute/core/utils.js'
import { BaseTelegramClient, MemoryStorage, MtProxyTcpTransport, TcpTransport } from '@mtcute/node'
import { NodeCryptoProvider } from '@mtcute/node/utils.js'
import { WebSocketTransport } from '@mtcute/web'
import { WebSocket } from 'ws'
import { DC, fail, tell } from './lines.mjs'

const CODECS = {
    'intermediate': () => new IntermediatePacketCodec(),
    'padded': () => new PaddedIntermediatePacketCodec(),
    'obfuscated-intermediate': () => new ObfuscatedPacketCodec(new IntermediatePacketCodec()),
    'obfuscated-padded': () => new ObfuscatedPacketCodec(new PaddedIntermediatePacketCodec()),
    'websocket-padded': () => new ObfuscatedPacketCodec(new PaddedIntermediatePacketCodec()),
}
// what its WebSockets speak by themselves
const OWN = 'websocket-intermediate'

export function nameKey(crypto, key) {
    return key && Buffer.from(crypto.sha1(key).subarray(12, 20)).reverse().toString('hex')
}

// Its WebSockets lead to one of Telegram's names, through TLS, whatever the data centre is said to be at: here the address is
// another, the path and the subprotocol stay.
function webSocketTo(host, port) {
    return class extends WebSocket {
        constructor(url, ...rest) {
            super(Object.assign(new URL(url), { protocol: 'ws:', host: `${host}:${port}` }), ...rest)
        }
    }
}

function chooseTransport(host, port, name, secret) {
    if (secret) return new MtProxyTcpTransport({ host, port, secret })
    if (!CODECS[name] && name !== OWN) fail(`${name} is no transport`)
    const websocket = name.startsWith('websocket-')
    const transport = websocket ? new WebSocketTransport({ ws: webSocketTo(host, port) }) : new TcpTransport()
    if (name !== OWN) transport.packetCodec = CODECS[name]
    return transport
}

// It dials the address that this program was given and no other. With a secret the server is an MTProxy, and the secret says what
// is spoken.
function makeTransport(host, port, name, secret) {
    const transport = chooseTransport(host, port, name, secret)
    const { connect } = transport
    transport.connect = async (dc) => {
        if (dc.ipAddress !== host || dc.port !== port) fail(`mtcute dials ${dc.ipAddress} port ${dc.port}`)
        const stream = await connect.call(transport, dc)
        tell('connected')
        return stream
    }
    return transport
}

// The client, and the keys it has: { client, storage, crypto }.
export async function makeClient(host, port, pem, transport = 'intermediate') {
    const crypto = new NodeCryptoProvider()
    await crypto.initialize()
    addPublicKey(crypto, readFileSync(pem, 'utf8'))
    const storage = new MemoryStorage()
    const address = { id: DC, ipAddress: host, port }
    const client = new BaseTelegramClient({
        apiId: 1,
        apiHash: 'none',
        crypto,
        storage,
        transport: makeTransport(host, port, ...transport.split(':')),
        testMode: false,
        defaultDcs: { main: address, media: { ...address, mediaOnly: true } },
        disableUpdates: true,
        network: { usePfs: true },
    })
    client.log.mgr.handler = (_color, _level, tag, text, values) => process.stderr.write(`${format(`[${tag}] ${text}`, ...values)}\n`)
    return { client, storage, crypto }
}
