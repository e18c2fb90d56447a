// A client by mtcute for the server at HOST:PORT and for no other. Its own log goes to stderr (MTCUTE_LOG_LEVEL=4 for all).

import { readFileSync } from 'node:fs'
import { format } from 'node:util'
import { IntermediatePacketCodec, ObfuscatedPacketCodec, PaddedIntermediatePacketCodec } from '@mtcute/core'
import { addPublicKey } from '@mtcute/core/utils.js'
import { BaseTelegramClient, MemoryStorage, MtProxyTcpTransport, TcpTransport } from '@mtcute/node'
import { NodeCryptoProvider } from '@mtcute/node/utils.js'
import { DC, fail, tell } from './lines.mjs'

const CODECS = {
    'intermediate': () => new IntermediatePacketCodec(),
    'padded': () => new PaddedIntermediatePacketCodec(),
    'obfuscated-intermediate': () => new ObfuscatedPacketCodec(new IntermediatePacketCodec()),
    'obfuscated-padded': () => new ObfuscatedPacketCodec(new PaddedIntermediatePacketCodec()),
}

export function nameKey(crypto, key) {
    return key && Buffer.from(crypto.sha1(key).subarray(12, 20)).reverse().toString('hex')
}

// It dials the address that this program was given and no other. With a secret the server is an MTProxy, and the secret says what
// is spoken.
function makeTransport(host, port, name, secret) {
    const transport = secret ? new MtProxyTcpTransport({ host, port, secret }) : new TcpTransport()
    if (!secret) transport.packetCodec = CODECS[name]
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
