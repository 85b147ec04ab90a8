/**
 * Who pays and is paid in the gas measurement, and what they sign. Keys are fixed and signatures are RFC 6979: the same
 * bytes, and so the same gas, in every run.
 *
 * @module
 */

import {
  type Address,
  accountantPromiseStruct,
  type Bytes32,
  type ChannelFactory,
  type Crypto,
  channelAddress,
  type Hex,
  hashAgreement,
  hashlockOf,
  hashPromise,
  hashTypedData,
  myst,
  noTicks,
  type Registration,
  registrationStruct,
  type SettleOrder,
  type SettleWish,
  type Struct,
  settleInto,
  settleOrderStruct,
  settleWishStruct,
  toHex,
  uintToBytes,
  type ValueOf,
} from '@myst/protocol'

/** Provider and consumer in one: both have an identity, and a channel. */
export interface Person {
  readonly identity: Address
  readonly privateKey: Uint8Array
  readonly beneficiary: Address
  readonly channel: Address
  /** What the accountant promised this provider so far. */
  promised: bigint
  /** What this consumer promised so far. */
  spent: bigint
  /** Of preimages shown and nonces used: each is a new one. */
  count: number
}

/** A promise as an item of `settleMany`: its signature in three fields, `r` 32 bytes ‖ `s` 32 bytes ‖ `v` 1 byte. */
export function settlementItem({ signature, ...promised }: ReturnType<People['promise']>) {
  const r: Hex = `0x${signature.slice(2, 66)}`
  const s: Hex = `0x${signature.slice(66, 130)}`
  return { ...promised, r, s, v: Number(`0x${signature.slice(130)}`) }
}

/** What one settlement pays: some MYST and a tail, so that its bytes are as many as those of a real sum. */
export const step = 1_234_567_890_123_456_789n
export const transactorFee = myst / 20n
const deadline = 4_000_000_000n

const operatorKey = uintToBytes(1n)

/** The programs' addresses. */
export const makeProgramAddresses = (crypto: Crypto) => ({
  operator: crypto.addressOf(operatorKey),
  transactor: crypto.addressOf(uintToBytes(2n)),
  feeRecipient: crypto.addressOf(uintToBytes(3n)),
})

export interface People {
  /** The same for the same index: identities have keys from 1,000 on, their beneficiaries from 1,000,000 on. */
  make(index: number): Person
  signRegistration(person: Person, transactor: Address): readonly [Registration, Hex]
  signWish(person: Person): readonly [SettleWish, Hex]
  /** The accountant's promise to pay `step` more, with its preimage. */
  promise(person: Person): { provider: Address; amount: bigint; preimage: Bytes32; signature: Hex }
  /** The person's promise to pay `step` more, with its preimage: an item of `collect`. */
  claim(person: Person): {
    channel: Address
    amount: bigint
    preimage: Bytes32
    agreementHash: Bytes32
    signature: Hex
  }
  signOrder(person: Person, amount: bigint, transactor: Address): readonly [SettleOrder, Hex]
}

export function createPeople(
  crypto: Crypto,
  { chainId, accountant, ...factory }: ChannelFactory & { readonly chainId: bigint; readonly accountant: Address },
): People {
  function sign<S extends Struct>(privateKey: Uint8Array, contract: Address, struct: S, value: ValueOf<S>): Hex {
    const digest = hashTypedData(crypto, { chainId, verifyingContract: contract }, struct, value)
    return toHex(crypto.sign(digest, privateKey))
  }

  function nextPreimage(person: Person): { preimage: Bytes32; hashlock: Bytes32 } {
    person.count += 1
    const preimage = crypto.keccak256(new TextEncoder().encode(`${person.identity} ${person.count}`))
    return { preimage: toHex(preimage), hashlock: hashlockOf(crypto, preimage) }
  }

  function nextNonce(person: Person): bigint {
    person.count += 1
    return BigInt(person.count)
  }

  return {
    make(index) {
      const privateKey = uintToBytes(1_000n + BigInt(index))
      const identity = crypto.addressOf(privateKey)
      const channel = channelAddress(crypto, factory, identity, accountant)
      const beneficiary = crypto.addressOf(uintToBytes(1_000_000n + BigInt(index)))
      return { identity, privateKey, beneficiary, channel, promised: 0n, spent: 0n, count: 0 }
    },

    signRegistration({ identity, privateKey, beneficiary }, transactor) {
      const value = { identity, accountant, beneficiary, transactor, fee: transactorFee, nonce: 0n, deadline }
      return [value, sign(privateKey, factory.registry, registrationStruct, value)]
    },

    signWish(person) {
      const nonce = nextNonce(person)
      const value = { provider: person.identity, anyone: false, payouts: true, nonce, deadline }
      return [value, sign(person.privateKey, accountant, settleWishStruct, value)]
    },

    promise(person) {
      person.promised += step
      const { preimage, hashlock } = nextPreimage(person)
      const value = { provider: person.identity, amount: person.promised, hashlock }
      const signature = sign(operatorKey, accountant, accountantPromiseStruct, value)
      return { provider: value.provider, amount: value.amount, preimage, signature }
    },

    claim(person) {
      person.spent += step
      const { channel, spent: amount } = person
      const { preimage, hashlock } = nextPreimage(person)
      const agreement = { id: hashlock, provider: person.beneficiary, total: amount }
      const digest = hashPromise(crypto, { chainId, channel }, { amount, hashlock, agreement, ticks: noTicks })
      const signature = toHex(crypto.sign(digest, person.privateKey))
      return { channel, amount, preimage, agreementHash: hashAgreement(crypto, agreement), signature }
    },

    signOrder(person, amount, transactor) {
      const { identity: provider, beneficiary, privateKey } = person
      const terms = { into: settleInto.wallet, transactor, fee: transactorFee, allowPartial: false }
      const value = { provider, amount, beneficiary, ...terms, nonce: nextNonce(person), deadline }
      return [value, sign(privateKey, accountant, settleOrderStruct, value)]
    },
  }
}
