// What the JavaScript clients of this folder have in common: their lines, their patience, and that they stay on loopback.

import './loopback.mjs'

const PATIENCE_MS = 60_000
const startTimer = globalThis.setTimeout

export const DC = 2

export function tell(event, values = {}) {
    process.stdout.write(`${JSON.stringify({ event, ...values })}\n`)
}

export function fail(text) {
    process.stderr.write(`${process.argv[1]}: ${text}\n`)
    process.exit(1)
}

// Runs main(host, port, pem, ...more) with what the command line says, for as long as anybody is willing to wait.
export function run(main, usage) {
    const [host, port, pem, ...more] = process.argv.slice(2)
    if (!pem) fail(`usage: node ${usage}`)
    startTimer(() => fail(`not done after ${PATIENCE_MS / 1000} seconds`), PATIENCE_MS)
    main(host, Number(port), pem, ...more).then(() => process.exit(0), (error) => fail(error.stack))
}
