// mtcute as a client of the server at HOST:PORT: a permanent key, a temporary key, the binding, calls under it, renewals.
//
//     node mtcute_bind.mjs HOST PORT PEM
//
// PEM: file with the server's public RSA key (PKCS#1). A word on a line of stdin is an order:
//     call     ask help.getNearestDc
//     media    ask the same on a connection to the media data centre, which has a temporary key of its own
//     renew    let the day pass after which mtcute makes and binds another temporary key
// The end of stdin ends the program. On stdout one JSON object a line says what came of it, key ids as 16 hex digits of the
// little-endian number. mtcute's own log goes to stderr (MTCUTE_LOG_LEVEL=4 for all of it).

import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { format } from 'node:util'
import { BaseTelegramClient, MemoryStorage, TcpTransport } from '@mtcute/node'
import { addPublicKey } from '@mtcute/core/utils.js'
import { NodeCryptoProvider } from '@mtcute/node/utils.js'

const PATIENCE_MS = 60_000
const RENEWAL_MS = 80_000_000
const DC = 2
const LOOPBACK = ['127.0.0.1', '::1']

function tell(event, values = {}) {
    process.stdout.write(`${JSON.stringify({ event, ...values })}\n`)
}

function fail(text) {
    process.stderr.write(`mtcute_bind: ${text}\n`)
    process.exit(1)
}

// mtcute renews some 23 hours after a binding, whatever the server says. Its timer is caught here and goes off on order.
let renewal = null
const startTimer = globalThis.setTimeout
globalThis.setTimeout = (callback, delay, ...rest) => {
    if (!(delay >= RENEWAL_MS)) return startTimer(callback, delay, ...rest)
    renewal = callback
    return startTimer(() => {}, 0)
}

// The only way out: a stream to the address this program was given, which is on loopback.
class LoopbackTransport extends TcpTransport {
    constructor(host, port) {
        super()
        this.host = host
        this.port = port
    }

    async connect(dc) {
        if (dc.ipAddress !== this.host || dc.port !== this.port) fail(`mtcute dials ${dc.ipAddress} port ${dc.port}`)
        const stream = await super.connect(dc)
        tell('connected')
        return stream
    }
}

function nameKey(crypto, key) {
    return key && Buffer.from(crypto.sha1(key).subarray(12, 20)).reverse().toString('hex')
}

function watchStorage(storage, crypto) {
    const keys = storage.authKeys
    const { set, setTemp } = keys
    keys.set = (dc, key) => {
        tell('permanent_key', { key_id: nameKey(crypto, key) })
        return set.call(keys, dc, key)
    }
    keys.setTemp = (dc, index, key, expires) => {
        tell('temporary_key', { key_id: nameKey(crypto, key) })
        return setTemp.call(keys, dc, index, key, expires)
    }
}

async function obey(order, client, storage, crypto) {
    if (order === 'call' || order === 'media') {
        const answer = await client.call({ _: 'help.getNearestDc' }, { kind: order === 'media' ? 'download' : 'main' })
        tell('answered', {
            answer: answer._,
            nearest_dc: answer.nearestDc,
            permanent_key_id: nameKey(crypto, storage.authKeys.get(DC)),
            temporary_key_id: nameKey(crypto, storage.authKeys.getTemp(DC, 0, Date.now())),
        })
    } else if (order === 'renew') {
        if (!renewal) fail('mtcute has no renewal before it')
        const callback = renewal
        renewal = null
        callback()
    } else {
        fail(`${order} is no order`)
    }
}

async function main(host, port, pem) {
    if (!LOOPBACK.includes(host)) fail(`${host} is not on loopback`)
    startTimer(() => fail(`not done after ${PATIENCE_MS / 1000} seconds`), PATIENCE_MS)

    const crypto = new NodeCryptoProvider()
    await crypto.initialize()
    addPublicKey(crypto, readFileSync(pem, 'utf8'))
    const storage = new MemoryStorage()
    watchStorage(storage, crypto)
    const address = { id: DC, ipAddress: host, port }
    const client = new BaseTelegramClient({
        apiId: 1,
        apiHash: 'none',
        crypto,
        storage,
        transport: new LoopbackTransport(host, port),
        testMode: false,
        defaultDcs: { main: address, media: { ...address, mediaOnly: true } },
        disableUpdates: true,
        network: { usePfs: true },
    })
    client.log.mgr.handler = (_color, _level, tag, text, values) => process.stderr.write(`${format(`[${tag}] ${text}`, ...values)}\n`)

    for await (const order of createInterface({ input: process.stdin })) await obey(order, client, storage, crypto)
    await client.destroy()
    process.exit(0)
}

const [host, port, pem] = process.argv.slice(2)
if (!pem) fail('usage: node mtcute_bind.mjs HOST PORT PEM')
main(host, Number(port), pem).catch((error) => fail(error.stack))
