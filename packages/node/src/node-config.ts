/**
 * A node's configuration: one JSON file, read once, checked whole. Paths in it are relative to the file itself.
 *
 * @module
 */

import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import {
  addressSchema,
  amountSchema,
  closed,
  countrySchema,
  endpointSchema,
  priceSchema,
  serviceTypeSchema,
} from '@myst/api'
import { type PaymentPolicy, paymentPolicy, type SpendingLimits } from '@myst/billing'
import { Fault, type NetworkProfile, parseNetworkProfile } from '@myst/protocol'
import { type Static, type TObject, type TSchema, Type } from 'typebox'
import { Check, Errors } from 'typebox/value'
import { readAmount } from './api-json.ts'
import type { ServiceOffer } from './node-core.ts'
import type { SettlementConfig } from './settlement/config.ts'

export interface NodeConfig {
  readonly profile: NetworkProfile
  readonly dataDir: string
  readonly passphraseFile?: string
  /** Where the link's UDP socket binds. */
  readonly bind?: { readonly host: string; readonly port: number }
  /** The API on TCP besides its Unix socket. */
  readonly api?: { readonly host: string; readonly port: number }
  readonly drivers: readonly DriverName[]
  readonly wireguard: { readonly defaultRoute?: boolean; readonly sessions?: string }
  readonly policy: Partial<PaymentPolicy>
  /** As a consumer. */
  readonly spending: SpendingLimits
  readonly settlement: Partial<SettlementConfig>
  /** Offered as soon as the node runs. */
  readonly serve: readonly ServiceOffer[]
  /** A STUN server for the network's other nodes. */
  readonly stun?: { readonly host: string; readonly port: number }
}

export type DriverName = 'proxy' | 'wireguard'

/** Where the API listens when the configuration says `"api": {}`. */
const apiDefaults = { host: '127.0.0.1', port: 4050 } as const
/** Configurations and profiles have a few KiB; anything larger is neither. */
const maxConfigBytes = 256 * 1024

const count = Type.Integer({ minimum: 0, maximum: 2 ** 31 })
const milliseconds = Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 })

/** Any of the fields, and no other: `Partial` alone would open the object. */
const partly = <T extends TObject>(schema: T) => Type.Partial(schema, { additionalProperties: false })

/** Every field of the policy, an amount as a decimal string; what is left out keeps its default. */
const policyFields = {
  firstCredit: amountSchema,
  maxCredit: amountSchema,
  firstInvoiceAmount: amountSchema,
  dueAmount: amountSchema,
  minDelta: amountSchema,
  minInvoiceMs: milliseconds,
  maxInvoiceMs: milliseconds,
  graceMs: milliseconds,
  exposureLimit: amountSchema,
  firstCreditLimits: partly(closed({ perPrefixPerHour: count, perDay: amountSchema })),
  exchange: partly(closed({ dueSum: amountSchema, maxAgeMs: milliseconds, maxItems: count })),
  feeLimit: Type.Integer({ minimum: 0, maximum: 10_000 }),
  unprovedRefusals: amountSchema,
  pace: partly(closed({ minInvoiceMs: milliseconds, maxInvoiceMs: milliseconds, maxInvoiceAmount: amountSchema })),
  restoreJump: amountSchema,
} satisfies Record<keyof PaymentPolicy, TSchema>

/** What this node may spend, as decimal strings; what is left out has no limit. */
const spendingFields = {
  perSession: amountSchema,
  perProviderDay: amountSchema,
  perDay: amountSchema,
} satisfies Record<keyof SpendingLimits, TSchema>

const configSchema = closed({
  profile: Type.String({ minLength: 1 }),
  dataDir: Type.String({ minLength: 1 }),
  passphraseFile: Type.Optional(Type.String({ minLength: 1 })),
  bind: Type.Optional(endpointSchema),
  api: Type.Optional(partly(endpointSchema)),
  drivers: Type.Optional(Type.Array(Type.Union([Type.Literal('proxy'), Type.Literal('wireguard')]))),
  wireguard: Type.Optional(
    closed({ defaultRoute: Type.Optional(Type.Boolean()), sessions: Type.Optional(Type.String()) }),
  ),
  policy: Type.Optional(partly(closed(policyFields))),
  spending: Type.Optional(partly(closed(spendingFields))),
  settlement: Type.Optional(
    partly(
      closed({
        automatic: Type.Boolean(),
        allowance: amountSchema,
        always: amountSchema,
        whenCheap: amountSchema,
        cheapPercent: Type.Integer({ minimum: 0, maximum: 50 }),
        maxAgeHours: Type.Integer({ minimum: 1, maximum: 8_784 }),
        beneficiary: addressSchema,
      }),
    ),
  ),
  serve: Type.Optional(
    Type.Array(closed({ serviceType: serviceTypeSchema, country: countrySchema, price: Type.Optional(priceSchema) })),
  ),
  stun: Type.Optional(endpointSchema),
})
type ConfigJson = Static<typeof configSchema>

/** @throws Fault `config-unreadable`, `config-invalid`, and those of `readProfile`. */
export async function readNodeConfig(path: string): Promise<NodeConfig> {
  const json = checkConfig(await readJson(path))
  const at = (file: string) => resolve(dirname(path), file)
  const profile = await readProfile(at(json.profile))
  const { passphraseFile, bind, api, stun } = json
  return {
    profile,
    dataDir: at(json.dataDir),
    drivers: json.drivers ?? ['proxy'],
    wireguard: json.wireguard ?? {},
    policy: readPolicy(profile.priceScale, json.policy ?? {}),
    spending: readAmounts(json.spending ?? {}),
    settlement: readSettlement(json.settlement ?? {}),
    serve: (json.serve ?? []).map(({ price, ...offer }) => ({
      ...offer,
      ...(price === undefined
        ? {}
        : { price: { perHour: readAmount(price.perHour), perGib: readAmount(price.perGib) } }),
    })),
    ...(passphraseFile === undefined ? {} : { passphraseFile: at(passphraseFile) }),
    ...(bind === undefined ? {} : { bind }),
    ...(api === undefined ? {} : { api: { ...apiDefaults, ...api } }),
    ...(stun === undefined ? {} : { stun }),
  }
}

/** @throws Fault `config-unreadable`, `profile-invalid`, `profile-private-ranges`. */
export async function readProfile(path: string): Promise<NetworkProfile> {
  const profile = parseNetworkProfile(await readJson(path))
  if (profile.ok) return profile.value
  throw new Fault(profile.refusal.code, { path, ...profile.refusal })
}

async function readJson(path: string): Promise<unknown> {
  try {
    const text = await readFile(path, 'utf8')
    if (text.length > maxConfigBytes) throw new RangeError(`larger than ${maxConfigBytes} bytes`)
    return JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (cause) {
    throw new Fault('config-unreadable', { path, why: (cause as Error).message }, { cause })
  }
}

function checkConfig(json: unknown): ConfigJson {
  if (Check(configSchema, json)) return json
  const errors = Errors(configSchema, json)
  for (const { keyword, params, instancePath } of errors) {
    if (keyword !== 'additionalProperties') continue
    const known = instancePath === '' ? `; there are ${Object.keys(configSchema.properties).join(', ')}` : ''
    throw new Fault('config-invalid', {
      at: `${instancePath}/${params.additionalProperties[0]}`,
      why: `is no setting${known}`,
    })
  }
  const [wrong] = errors
  throw new Fault('config-invalid', { at: wrong?.instancePath || 'the file', why: wrong?.message })
}

const readAmounts = <T extends object>(json: T): { [K in keyof T]: bigint } =>
  Object.fromEntries(Object.entries(json).map(([name, text]) => [name, readAmount(text)])) as { [K in keyof T]: bigint }

const hourMs = 3_600_000

function readSettlement(json: NonNullable<ConfigJson['settlement']>): Partial<SettlementConfig> {
  const { automatic, beneficiary, cheapPercent, maxAgeHours, ...amounts } = json
  const sums = Object.entries(amounts).map(([name, text]) => [name, readAmount(text)])
  return {
    ...Object.fromEntries(sums),
    ...(automatic === undefined ? {} : { automatic }),
    ...(beneficiary === undefined ? {} : { beneficiary }),
    ...(cheapPercent === undefined ? {} : { cheapPercent: BigInt(cheapPercent) }),
    ...(maxAgeHours === undefined ? {} : { maxAgeMs: maxAgeHours * hourMs }),
  }
}

/** Groups are filled up with their defaults, which depend on the network's price scale. */
function readPolicy(scale: bigint, json: NonNullable<ConfigJson['policy']>): Partial<PaymentPolicy> {
  const defaults: Record<string, unknown> = { ...paymentPolicy(scale) }
  const read = (value: unknown, name?: string): unknown => {
    if (typeof value === 'string') return readAmount(value)
    if (typeof value !== 'object' || value === null) return value
    const inner = Object.entries(value).map(([key, given]) => [key, read(given)])
    return { ...(name === undefined ? {} : (defaults[name] as object)), ...Object.fromEntries(inner) }
  }
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [name, read(value, name)]))
}
