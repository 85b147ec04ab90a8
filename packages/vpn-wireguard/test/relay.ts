// The two ends' meeting place, and the carrier's path: hands the datagrams of each to the other. `node relay.ts <host>`
import { createSocket, type RemoteInfo } from 'node:dgram'

const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20, sendBufferSize: 4 << 20 })
const ends: (RemoteInfo | undefined)[] = []
socket.on('message', (bytes, from) => {
  const known = ends.findIndex((end) => end?.address === from.address && end.port === from.port)
  if (bytes.length === 1) {
    if (known < 0) ends.push(from)
    socket.send(bytes, from.port, from.address)
    return
  }
  const other = known < 0 ? undefined : ends[known ^ 1]
  if (other) socket.send(bytes, other.port, other.address)
})
socket.bind(4040, process.argv[2], () => process.send?.('ready'))
