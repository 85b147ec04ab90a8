/** What we use of hyperdht 6.34 and blind-relay 1.6, which ship no types. Referenced from the files that import them. */

declare module 'hyperdht' {
  import type { EventEmitter } from 'node:events'

  namespace HyperDHT {
    interface KeyPair {
      readonly publicKey: Buffer
      readonly secretKey: Buffer
    }

    interface Address {
      readonly host: string
      readonly port: number
    }

    interface RawStream extends EventEmitter {
      readonly mtu: number
      readonly remoteHost: string | null
      readonly remotePort: number
      connect(socket: unknown, remoteId: number, port: number, host?: string, options?: object): void
      changeRemote(socket: unknown, remoteId: number, port: number, host?: string): Promise<void>
      destroy(error?: Error): void
    }

    interface SecretStream extends EventEmitter {
      readonly publicKey: Buffer
      readonly remotePublicKey: Buffer
      readonly handshakeHash: Buffer
      readonly rawStream: RawStream | null
      readonly rawBytesRead: number
      /** True once connected, false where that failed. */
      readonly opened: Promise<boolean>
      readonly destroying: boolean
      readonly destroyed: boolean
      write(bytes: Uint8Array): boolean
      end(): void
      pause(): void
      resume(): void
      destroy(error?: Error): void
      setKeepAlive(ms: number): void
      setTimeout(ms: number): void
      sendKeepAlive(): void
      trySend(bytes: Uint8Array): void
    }

    interface Server extends EventEmitter {
      listen(keyPair: KeyPair): Promise<Server>
      close(): Promise<void>
      readonly relayAddresses: readonly Address[]
    }

    interface Query extends AsyncIterable<{ readonly peers: readonly { readonly publicKey: Buffer }[] }> {
      finished(): Promise<void>
      destroy(): void
      readonly closestNodes: readonly Address[]
    }

    interface ConnectOptions {
      readonly keyPair?: KeyPair
      readonly relayThrough?: Buffer | readonly Buffer[] | null
      readonly localConnection?: boolean
      readonly holepunch?: () => boolean
      readonly fastOpen?: boolean
    }

    interface ServerOptions {
      /** Refuses where it returns true (the package's README says the opposite). */
      readonly firewall?: (remoteKey: Buffer, payload: unknown, address: Address) => boolean
      readonly relayThrough?: Buffer | readonly Buffer[] | null
      readonly shareLocalAddress?: boolean
      readonly createHandshake?: (keyPair: unknown, remoteKey: unknown) => unknown
      readonly holepunch?: false
    }

    interface DhtOptions {
      readonly bootstrap?: readonly (string | Address)[]
      readonly host?: string
      readonly port?: number
      readonly anyPort?: boolean
      readonly ephemeral?: boolean
      readonly firewalled?: boolean
      readonly quickFirewall?: boolean
      readonly keyPair?: KeyPair
      readonly connectionKeepAlive?: number | false
      readonly randomPunchInterval?: number
    }
  }

  class HyperDHT extends EventEmitter {
    constructor(options?: HyperDHT.DhtOptions)
    static bootstrapper(port: number, host: string, options?: HyperDHT.DhtOptions): HyperDHT
    static readonly FIREWALL: { readonly OPEN: number }
    static keyPair(seed?: Uint8Array): HyperDHT.KeyPair
    readonly host: string | null
    readonly port: number
    readonly randomized: boolean
    readonly destroyed: boolean
    /** Private to the package: whatever it throws for a datagram of a stranger would end the process. */
    readonly _router: { onpeerhandshake(request: unknown): unknown; onpeerholepunch(request: unknown): unknown }
    bind(): Promise<void>
    fullyBootstrapped(): Promise<void>
    address(): HyperDHT.Address | null
    connect(publicKey: Buffer, options?: HyperDHT.ConnectOptions): HyperDHT.SecretStream
    createServer(
      options: HyperDHT.ServerOptions,
      onConnection: (socket: HyperDHT.SecretStream) => void,
    ): HyperDHT.Server
    createRawStream(options: object): HyperDHT.RawStream
    announce(topic: Buffer, keyPair: HyperDHT.KeyPair, relayAddresses?: readonly HyperDHT.Address[]): HyperDHT.Query
    unannounce(topic: Buffer, keyPair: HyperDHT.KeyPair): Promise<void>
    lookup(topic: Buffer): HyperDHT.Query
    destroy(options?: { readonly force?: boolean }): Promise<void>
  }

  export = HyperDHT
}

/** Internal; tests play a hostile peer with it. */
declare module 'hyperdht/lib/noise-wrap.js' {
  class NoiseWrap {
    constructor(keyPair: unknown, remoteKey: unknown)
    send(payload: object): Buffer
  }
  export = NoiseWrap
}

declare module 'blind-relay' {
  import type { EventEmitter } from 'node:events'

  export class Server extends EventEmitter {
    constructor(options: { readonly createStream: (options: object) => unknown })
    readonly stats: {
      readonly pairings: { readonly pending: number; readonly active: number; readonly matched: number }
    }
    accept(stream: unknown, options: { readonly id: Uint8Array }): EventEmitter
    close(): Promise<void>
  }
}
