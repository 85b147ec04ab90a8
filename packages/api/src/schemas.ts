/**
 * The shapes of the API: what a node shows of itself, and what it takes.
 *
 * Amounts are decimal strings in base units, 10⁻¹⁸ MYST, and byte counts decimal strings too: neither fits a JSON number.
 * Times are milliseconds since 1970, and their names say so. What comes in is closed, an unknown field is refused; what
 * goes out is open, so that an older client reads a newer node.
 *
 * @module
 */

import type { Address, Bytes32 } from '@myst/protocol'
import { type Static, type TProperties, Type } from 'typebox'

/** A request's object: unknown fields are refused, since a misspelt limit would otherwise be no limit. */
export const closed = <P extends TProperties>(properties: P) => Type.Object(properties, { additionalProperties: false })

/** Base units, or bytes; 78 digits hold every 256-bit number. */
export const amountSchema = Type.String({ pattern: '^(0|[1-9][0-9]{0,77})$' })
export const addressSchema = Type.Unsafe<Address>(Type.String({ pattern: '^0x[0-9a-f]{40}$' }))
export const hashSchema = Type.Unsafe<Bytes32>(Type.String({ pattern: '^0x[0-9a-f]{64}$' }))
export const serviceTypeSchema = Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' })
export const countrySchema = Type.String({ pattern: '^[A-Z]{2}$' })
export const connectionIdSchema = Type.String({ pattern: '^[0-9a-zA-Z-]{1,64}$' })
const portSchema = Type.Integer({ minimum: 0, maximum: 65_535 })
/** An address or a name; 253 characters are the longest name there is. */
const hostSchema = Type.String({ pattern: '^[0-9A-Za-z.:_-]{1,253}$' })

export const endpointSchema = closed({ host: hostSchema, port: portSchema })
export const priceSchema = closed({ perHour: amountSchema, perGib: amountSchema })

export const connectRequestSchema = closed({
  serviceType: serviceTypeSchema,
  provider: Type.Optional(addressSchema),
  country: Type.Optional(countrySchema),
  /** Where a driver that serves local programs listens; port 0 picks one. */
  listen: Type.Optional(endpointSchema),
  /** The most this session may cost. */
  budget: Type.Optional(amountSchema),
})

export const serviceOfferSchema = closed({ country: countrySchema, price: Type.Optional(priceSchema) })

export const proposalFilterSchema = closed({
  country: Type.Optional(countrySchema),
  serviceType: Type.Optional(serviceTypeSchema),
  provider: Type.Optional(addressSchema),
})

export const connectionSchema = Type.Object({
  id: Type.String(),
  state: Type.Union([
    Type.Literal('connecting'),
    Type.Literal('connected'),
    Type.Literal('reconnecting'),
    Type.Literal('disconnecting'),
    Type.Literal('not-connected'),
    Type.Literal('on-hold'),
    Type.Literal('failed'),
  ]),
  provider: addressSchema,
  country: Type.String(),
  serviceType: Type.String(),
  description: Type.Optional(Type.String()),
  listening: Type.Optional(Type.Object({ host: Type.String(), port: Type.Integer() })),
  sentBytes: amountSchema,
  receivedBytes: amountSchema,
  spent: amountSchema,
  promises: Type.Integer(),
  path: Type.Union([Type.Literal('link'), Type.Literal('direct')]),
  connectedAtMs: Type.Optional(Type.Number()),
  reason: Type.Optional(Type.String()),
  warning: Type.Optional(
    Type.Object({
      limit: Type.Union([Type.Literal('budget'), Type.Literal('day'), Type.Literal('channel')]),
      endsInMs: Type.Number(),
    }),
  ),
})

export const sessionSchema = Type.Object({
  id: Type.String(),
  consumer: addressSchema,
  phase: Type.Union([Type.Literal('serving'), Type.Literal('paused'), Type.Literal('ended')]),
  sentBytes: amountSchema,
  receivedBytes: amountSchema,
  invoiced: amountSchema,
  paid: amountSchema,
  credited: amountSchema,
})

export const serviceSchema = Type.Object({
  serviceType: Type.String(),
  country: Type.String(),
  price: Type.Object({ perHour: amountSchema, perGib: amountSchema }),
  sessions: Type.Array(sessionSchema),
})

/** What a person should look at: what it is, and what to do about it. */
export const alarmSchema = Type.Object({
  code: Type.String(),
  what: Type.String(),
  todo: Type.String(),
  accountant: Type.Optional(addressSchema),
})

export const statusSchema = Type.Object({
  identity: addressSchema,
  networkId: Type.String(),
  accountant: addressSchema,
  channel: addressSchema,
  registered: Type.Boolean(),
  consumer: Type.Object({
    balance: amountSchema,
    spent: amountSchema,
    left: amountSchema,
    inFlight: amountSchema,
    promises: Type.Integer(),
  }),
  provider: Type.Object({
    inFlight: amountSchema,
    credited: amountSchema,
    accountantFees: amountSchema,
    /** Of the accountant's own money, on top of what was credited. */
    bounties: amountSchema,
    unsettled: amountSchema,
    guaranteed: amountSchema,
    settling: amountSchema,
    settled: amountSchema,
    transactorFees: amountSchema,
    batches: Type.Integer(),
    promises: Type.Integer(),
  }),
  connections: Type.Array(connectionSchema),
  services: Type.Array(serviceSchema),
  alarms: Type.Array(alarmSchema),
  reflexive: Type.Optional(Type.Object({ host: Type.String(), port: Type.Integer(), symmetric: Type.Boolean() })),
})

export const topUpSchema = Type.Object({
  identity: addressSchema,
  channel: addressSchema,
  accountant: addressSchema,
  token: addressSchema,
  chainId: amountSchema,
})

export const registrationSchema = Type.Object({
  identity: addressSchema,
  transactorFee: amountSchema,
  registrationFee: amountSchema,
  hash: Type.Optional(hashSchema),
})

export const proposalSchema = Type.Object({
  provider: addressSchema,
  serviceType: Type.String(),
  country: Type.String(),
  price: Type.Object({ perHour: amountSchema, perGib: amountSchema }),
  accountants: Type.Array(addressSchema),
  expiresAtMs: Type.Number(),
})

const settlementAsk = {
  /** Absent: all of them. */
  accountant: Type.Optional(addressSchema),
  into: Type.Optional(Type.Union([Type.Literal('wallet'), Type.Literal('stake')])),
  /** Who is paid, in place of the registered beneficiary. */
  beneficiary: Type.Optional(addressSchema),
}
export const settlementAskSchema = closed(settlementAsk)

export const settlementSchema = Type.Object({
  paid: amountSchema,
  transactorFee: amountSchema,
  hash: Type.Optional(hashSchema),
  settlements: Type.Array(
    Type.Object({
      accountant: addressSchema,
      paid: amountSchema,
      transactorFee: amountSchema,
      hash: Type.Optional(hashSchema),
    }),
  ),
  refused: Type.Array(alarmSchema),
})

export const settlementPreviewSchema = Type.Object({
  accountant: addressSchema,
  due: amountSchema,
  fee: amountSchema,
  arrives: amountSchema,
  to: addressSchema,
  transactor: Type.String(),
  gas: Type.Optional(amountSchema),
  refusal: Type.Optional(alarmSchema),
})

export const earningsSchema = Type.Object({
  accountant: addressSchema,
  uncredited: amountSchema,
  promised: amountSchema,
  settled: Type.Optional(amountSchema),
  fees: amountSchema,
  unsettled: amountSchema,
  guaranteed: amountSchema,
  stake: amountSchema,
  settling: amountSchema,
  problem: Type.Optional(alarmSchema),
})

/** A page: so many, from behind the one that the cursor names. */
export const pageSchema = closed({
  limit: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,2}$' })),
  cursor: Type.Optional(Type.String({ pattern: '^[0-9a-zx-]{1,120}$' })),
})

export const paymentSchema = Type.Object({
  accountant: addressSchema,
  kind: Type.Union([Type.Literal('settlement'), Type.Literal('payout')]),
  hash: hashSchema,
  block: amountSchema,
  atMs: Type.Number(),
  paid: amountSchema,
  fee: amountSchema,
  to: Type.Optional(addressSchema),
  isConfirmed: Type.Boolean(),
})

export const errandSchema = Type.Object({
  kind: Type.Union([Type.Literal('earnings'), Type.Literal('channel'), Type.Literal('stake'), Type.Literal('wallet')]),
  accountant: Type.Optional(addressSchema),
  /** `waiting`: for a delay of the contracts; `stuck`: tried again; `left`: not worth its fee. */
  state: Type.Union([
    Type.Literal('done'),
    Type.Literal('working'),
    Type.Literal('waiting'),
    Type.Literal('stuck'),
    Type.Literal('left'),
  ]),
  amount: amountSchema,
  dueAtMs: Type.Optional(Type.Number()),
  hash: Type.Optional(hashSchema),
  problem: Type.Optional(alarmSchema),
})

export const leavingSchema = Type.Object({
  isWished: Type.Boolean(),
  isOver: Type.Boolean(),
  errands: Type.Array(errandSchema),
})

export const payoutPeriodSchema = Type.Union([Type.Literal('never'), Type.Literal('day'), Type.Literal('week')])
export const payoutSchema = Type.Object({
  accountant: addressSchema,
  every: payoutPeriodSchema,
  least: amountSchema,
  /** The accountant's contract has heard of it; before that the wish comes with the first payout. */
  isWished: Type.Boolean(),
})

export const beneficiarySchema = Type.Object({ beneficiary: addressSchema, hash: Type.Optional(hashSchema) })

export const refusalSchema = Type.Object({
  code: Type.String(),
  message: Type.String(),
  facts: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()])),
})

export type AlarmJson = Static<typeof alarmSchema>
export type ConnectionJson = Static<typeof connectionSchema>
export type EarningsJson = Static<typeof earningsSchema>
export type ErrandJson = Static<typeof errandSchema>
export type LeavingJson = Static<typeof leavingSchema>
export type PaymentJson = Static<typeof paymentSchema>
export type ProposalJson = Static<typeof proposalSchema>
export type RefusalJson = Static<typeof refusalSchema>
export type ServiceJson = Static<typeof serviceSchema>
export type SessionJson = Static<typeof sessionSchema>
export type SettlementJson = Static<typeof settlementSchema>
export type SettlementPreviewJson = Static<typeof settlementPreviewSchema>
export type StatusJson = Static<typeof statusSchema>
