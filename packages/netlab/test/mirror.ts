// Answers each UDP packet with the address and port that it came from. `node mirror.ts <host> <port>`
import { createSocket } from 'node:dgram'

const [host = '0.0.0.0', port = '3478'] = process.argv.slice(2)
const socket = createSocket('udp4')
socket.on('message', (_, from) => socket.send(`${from.address}:${from.port}`, from.port, from.address))
socket.bind(Number(port), host, () => process.send?.('ready'))
