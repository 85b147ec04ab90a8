/**
 * What is computed and signed by nobody: channel addresses, preimages, prices.
 *
 * @module
 */
import {
  type Address,
  channelAddress,
  defaultPrice,
  derivePreimage,
  hashlockOf,
  maxUint256,
  type Price,
  preimageSecret,
  toHex,
  totalCost,
  zeroAddress,
} from '@myst/protocol'
import { crypto, identityOf, keyOf, namedAddress, type Person, toJson, type Vector, type VectorFile } from './vector.ts'

export function channelAddressVectors(): VectorFile {
  const registry = namedAddress('the registry')
  const channelImplementation = namedAddress('the channel implementation')
  const accountant = namedAddress("Carol's accountant")
  const vector = (name: string, why: string, factory: object, identity: Address, of: Address): Vector => {
    const where = { registry, channelImplementation, ...factory }
    return { name, why, ...where, identity, accountant: of, address: channelAddress(crypto, where, identity, of) }
  }
  const [alice, bob] = [identityOf('alice'), identityOf('bob')]
  const swapped = { registry: channelImplementation, channelImplementation: registry }
  return {
    about: 'The address of a channel: CREATE2 by the registry of a clone with the arguments identity ‖ accountant.',
    vectors: [
      vector("Alice's with Carol", 'the usual case', {}, alice, accountant),
      vector("Bob's with Carol", 'the identity is part of it', {}, bob, accountant),
      vector("Alice's with another", 'the accountant is part of it', {}, alice, namedAddress('another accountant')),
      vector("Carol's with Alice", 'the order of the two counts', {}, accountant, alice),
      vector('of another registry', 'the registry is part of it', { registry: namedAddress('x') }, alice, accountant),
      vector(
        'of another implementation',
        'so is the code',
        { channelImplementation: namedAddress('y') },
        alice,
        accountant,
      ),
      vector(
        'of zeros',
        'no address is special',
        { registry: zeroAddress, channelImplementation: zeroAddress },
        zeroAddress,
        zeroAddress,
      ),
      vector('of swapped contracts', 'nor is their order', swapped, alice, accountant),
    ],
  }
}

export function preimageVectors(): VectorFile {
  const accountant = namedAddress("Carol's accountant")
  const vector = (
    name: string,
    why: string,
    epoch: bigint,
    also: { person?: Person; chainId?: bigint; accountant?: Address } = {},
  ): Vector => {
    const privateKey = keyOf(also.person ?? 'bob')
    const scope = { chainId: also.chainId ?? 31_337n, accountant: also.accountant ?? accountant }
    const secret = preimageSecret(privateKey)
    const preimage = derivePreimage(secret, scope, epoch)
    return {
      name,
      why,
      privateKey: toHex(privateKey),
      ...(toJson(scope) as object),
      epoch: epoch.toString(),
      secret: toHex(secret),
      preimage: toHex(preimage),
      hashlock: hashlockOf(crypto, preimage),
    }
  }
  return {
    about:
      'preimage = HMAC-SHA-256(secret, chainId 32 ‖ accountant 20 ‖ epoch 8), secret = HKDF-SHA-256(key, info "myst/preimages/1"), hashlock = keccak256(preimage).',
    vectors: [
      vector('the first epoch', 'zero', 0n),
      vector('the next', 'one bit', 1n),
      vector('an epoch of today', 'ms × 2¹⁰', (1_800_000_000_000n << 10n) + 1n),
      vector('the last epoch', 'every bit of 8 bytes', (1n << 64n) - 1n),
      vector('another chain', 'the chain is part of it', 1n, { chainId: 1n }),
      vector('another accountant', 'so is the accountant', 1n, { accountant: namedAddress('another accountant') }),
      vector('another provider', 'so is the key', 1n, { person: 'alice' }),
      vector('the largest chain id', 'every bit of 32 bytes', 1n, { chainId: maxUint256 }),
    ],
  }
}

export function priceVectors(): VectorFile {
  const vector = (name: string, why: string, price: Price, durationMs: bigint, bytes: bigint): Vector => {
    const usage = { durationMs, bytes }
    return { name, why, ...(toJson({ price, usage }) as object), total: totalCost(price, usage).toString() }
  }
  const odd: Price = { perHour: 7n, perGib: 3n }
  const hour = 3_600_000n
  const gib = 1n << 30n
  return {
    about: 'total = ceil(perHour · ms / 3,600,000) + ceil(perGib · bytes / 2³⁰), base units.',
    vectors: [
      vector('nothing used', 'nothing owed', defaultPrice, 0n, 0n),
      vector('an hour', 'the price itself', defaultPrice, hour, 0n),
      vector('a GiB', 'the price itself', defaultPrice, 0n, gib),
      vector('an hour and a GiB', 'the sum', defaultPrice, hour, gib),
      vector('a byte', 'rounded up', defaultPrice, 0n, 1n),
      vector('a millisecond', 'rounded up', defaultPrice, 1n, 0n),
      vector('a millisecond and a byte', 'each is rounded by itself', odd, 1n, 1n),
      vector('a millisecond over the hour', 'rounded up', odd, hour + 1n, 0n),
      vector('a byte under the GiB', 'rounded up to the GiB', odd, 0n, gib - 1n),
      vector('a minute of video, 15 MB', 'the estimate for people', defaultPrice, 60_000n, 15_000_000n),
      vector('a year at a Gbit/s', 'no overflow', defaultPrice, 8_760n * hour, 3_942_000_000_000_000n),
      vector('free', 'a zero price', { perHour: 0n, perGib: 0n }, hour, gib),
    ],
  }
}
