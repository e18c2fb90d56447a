// GramJS as a client of the server at HOST:PORT, over several transports at once: a permanent key, and a call under it.
//
//     node gramjs_call.mjs HOST PORT PEM TRANSPORT[:SECRET]...
//
// PEM: file with the server's public RSA key (PKCS#1). TRANSPORT: see below; those of WebSockets are for a port of WebSockets.
// SECRET: of an MTProxy, in hex. On stdout one JSON object a line says what came of it, key ids as 16 hex digits of the
// little-endian number. GramJS's own log goes to stderr.

import { createHash, createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import bigInt from 'big-integer'
import { Api, Logger, TelegramClient } from 'telegram'
import { _serverKeys } from 'telegram/crypto/RSA.js'
import { PromisedNetSockets, PromisedWebSockets } from 'telegram/extensions/index.js'
import { ConnectionTCPAbridged, ConnectionTCPFull, ConnectionTCPObfuscated } from 'telegram/network/index.js'
import { MemorySession } from 'telegram/sessions/index.js'
import { DC, run, tell } from './lines.mjs'

const TRANSPORTS = {
    'full': ConnectionTCPFull,
    'abridged': ConnectionTCPAbridged,
    'obfuscated-abridged': ConnectionTCPObfuscated,
    // given a proxy it takes a class of its own, whatever it is told
    'proxy-abridged': ConnectionTCPObfuscated,
    'websocket-abridged': ConnectionTCPObfuscated,
}

// stdout is for our lines
console.log = console.error

class StderrLogger extends Logger {
    log(level, message) {
        process.stderr.write(`${this.format(message, level)}\n`)
    }
}

// GramJS dials port 80 whatever its session says.
function socketTo(port, Sockets) {
    return class extends Sockets {
        connect(_port, host) {
            return super.connect(port, host)
        }
    }
}

function integer(base64url) {
    return bigInt(Buffer.from(base64url, 'base64url').toString('hex'), 16)
}

// A TL string of 254 bytes and more, or of fewer: https://core.telegram.org/mtproto/serialize
function string(value) {
    const head = value.length < 254 ? Buffer.from([value.length]) : Buffer.from([254, value.length, value.length >> 8, 0])
    return Buffer.concat([head, value, Buffer.alloc(-(head.length + value.length) & 3)])
}

function trust(pem) {
    const { n, e } = createPublicKey(pem).export({ format: 'jwk' })
    const bare = Buffer.concat([n, e].map((number) => string(Buffer.from(number, 'base64url'))))
    const fingerprint = createHash('sha1').update(bare).digest().readBigInt64LE(12)
    _serverKeys.set(fingerprint.toString(), { n: integer(n), e: integer(e).toJSNumber() })
}

async function call(transport, host, port) {
    const [name, secret] = transport.split(':')
    const session = new MemorySession()
    session.setDC(DC, host, port)
    const client = new TelegramClient(session, 1, 'none', {
        connection: TRANSPORTS[name],
        networkSocket: socketTo(port, name.startsWith('websocket-') ? PromisedWebSockets : PromisedNetSockets),
        useWSS: false,
        proxy: secret && { MTProxy: true, ip: host, port, secret },
        connectionRetries: 5,
        baseLogger: new StderrLogger(),
    })
    await client.connect()
    const answer = await client.invoke(new Api.help.GetNearestDc())
    const hash = createHash('sha1').update(session.getAuthKey(DC).getKey()).digest()
    tell('answered', {
        transport: name,
        answer: answer.className,
        nearest_dc: answer.nearestDc,
        key_id: hash.subarray(12).reverse().toString('hex'),
    })
    await client.destroy()
}

async function main(host, port, pem, ...transports) {
    trust(readFileSync(pem))
    await Promise.all(transports.map((transport) => call(transport, host, port)))
}

run(main, 'gramjs_call.mjs HOST PORT PEM TRANSPORT[:SECRET]...')
