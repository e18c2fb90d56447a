// From here on no socket leads anywhere but to loopback: the program ends where one is about to. To be imported, or preloaded
// with `node --import`.

import { BlockList, isIP, Socket } from 'node:net'

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8)
LOOPBACK.addAddress('::1', 'ipv6')

const { connect } = Socket.prototype
Socket.prototype.connect = function (...given) {
    // net.connect() hands its arguments over as one array
    const [target, host] = Array.isArray(given[0]) ? given[0] : given
    const address = typeof target === 'object' ? target.host : host
    if (!isIP(address) || !LOOPBACK.check(address, `ipv${isIP(address)}`)) {
        process.stderr.write(`${address} is not on loopback\n`)
        process.exit(1)
    }
    return connect.apply(this, given)
}
