// From one socket: sends to each `host:port` given, then listens. Reports `{ local }` and what comes in, `{ from, text }`.
import { createSocket } from 'node:dgram'

const socket = createSocket('udp4')
socket.on('message', (bytes, from) => process.send?.({ from: `${from.address}:${from.port}`, text: bytes.toString() }))
process.on('message', (target: string) => {
  const [host, port] = target.split(':')
  socket.send('hello', Number(port), host)
})
socket.bind(0, () => process.send?.({ local: socket.address().port }))
