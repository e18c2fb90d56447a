// mtcute as a client of the server at HOST:PORT: a permanent key, a temporary key, the binding, calls under it, renewals.
//
//     node mtcute_bind.mjs HOST PORT PEM
//
// PEM: file with the server's public RSA key (PKCS#1). A word on a line of stdin is an order:
//     call     ask help.getNearestDc
//     media    ask the same on a connection to the media data centre, which has a temporary key of its own
//     renew    let the day pass after which mtcute makes and binds another temporary key
// The end of stdin ends the program. On stdout one JSON object a line says what came of it, key ids as 16 hex digits of the
// little-endian number.

import { createInterface } from 'node:readline'
import { DC, fail, run, tell } from './lines.mjs'
import { makeClient, nameKey } from './mtcute_client.mjs'

const RENEWAL_MS = 80_000_000

// mtcute renews some 23 hours after a binding, whatever the server says. Its timer is caught here and goes off on order.
let renewal = null
const startTimer = globalThis.setTimeout
globalThis.setTimeout = (callback, delay, ...rest) => {
    if (!(delay >= RENEWAL_MS)) return startTimer(callback, delay, ...rest)
    renewal = callback
    return startTimer(() => {}, 0)
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
    const { client, storage, crypto } = await makeClient(host, port, pem)
    watchStorage(storage, crypto)
    for await (const order of createInterface({ input: process.stdin })) await obey(order, client, storage, crypto)
    await client.destroy()
}

run(main, 'mtcute_bind.mjs HOST PORT PEM')
