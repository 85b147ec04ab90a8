/**
 * JSON-RPC over a node's socket file, connected anew after the node was gone.
 *
 * viem's own reconnecting tries once, prints what went wrong, and answers nothing from then on, and a request on a connection that
 * ends hangs until its timeout. So a connection that failed is dropped here, and the next call opens another.
 *
 * @module
 */

import { custom, RpcRequestError, SocketClosedError, type Transport } from 'viem'
import { getIpcRpcClient } from 'viem/node'

export interface IpcOptions {
  readonly timeout: number
  readonly retryCount: number
}

export function ipcTransport(path: string, { timeout, retryCount }: IpcOptions): Transport {
  async function request(body: { readonly method: string; readonly params?: unknown }): Promise<unknown> {
    const connection = await getIpcRpcClient(path, { reconnect: false })
    const { socket } = connection
    const ended = Promise.withResolvers<never>()
    const onClose = () => ended.reject(new SocketClosedError({ url: path }))
    socket.once('close', onClose)
    try {
      const { error, result } = await Promise.race([connection.requestAsync({ body, timeout }), ended.promise])
      if (error !== undefined) throw new RpcRequestError({ body, error, url: path })
      return result
    } catch (cause) {
      if (!(cause instanceof RpcRequestError)) connection.close()
      throw cause
    } finally {
      socket.off('close', onClose)
    }
  }
  return custom({ request }, { retryCount, key: 'ipc' })
}
