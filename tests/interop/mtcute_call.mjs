// mtcute as a client of the server at HOST:PORT, over several transports at once: two keys, their binding, a call under it.
//
//     node mtcute_call.mjs HOST PORT PEM TRANSPORT[:SECRET]...
//
// PEM: file with the server's public RSA key (PKCS#1). TRANSPORT: see mtcute_client.mjs; those of WebSockets are for a port of
// WebSockets. SECRET: of an MTProxy, in hex. On stdout one JSON object a line says what came of it, key ids as 16 hex digits of
// the little-endian number.

import { DC, run, tell } from './lines.mjs'
import { makeClient, nameKey } from './mtcute_client.mjs'

async function call(host, port, pem, transport) {
    const { client, storage, crypto } = await makeClient(host, port, pem, transport)
    const answer = await client.call({ _: 'help.getNearestDc' })
    tell('answered', {
        transport: transport.split(':')[0],
        answer: answer._,
        nearest_dc: answer.nearestDc,
        key_id: nameKey(crypto, storage.authKeys.getTemp(DC, 0, Date.now())),
        permanent_key_id: nameKey(crypto, storage.authKeys.get(DC)),
    })
    await client.destroy()
}

run(
    (host, port, pem, ...transports) => Promise.all(transports.map((transport) => call(host, port, pem, transport))),
    'mtcute_call.mjs HOST PORT PEM TRANSPORT[:SECRET]...',
)
