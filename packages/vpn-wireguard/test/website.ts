// A website: `/` tells the visitor's address, `/<n>` sends n bytes. `node website.ts <host>`
import { createServer } from 'node:http'

const block = Buffer.alloc(1 << 16)
createServer((request, response) => {
  const want = Number(request.url?.slice(1) ?? 0)
  if (!want) {
    response.end(request.socket.remoteAddress)
    return
  }
  let left = want
  const more = () => {
    while (left > 0) {
      const size = Math.min(left, block.length)
      left -= size
      if (!response.write(block.subarray(0, size))) return void response.once('drain', more)
    }
    response.end()
  }
  more()
}).listen(80, process.argv[2], () => process.send?.('ready'))
