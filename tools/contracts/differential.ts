/**
 * Differential test of hashes and signatures, TypeScript against Solidity: C5, C6.
 *
 *     node tools/contracts/differential.ts [--cases 10000] [--seed 1] [--json]
 *
 * Both sides are given the same struct, domain and signature: they must make the same digest of it, and name the same
 * signer or refuse both. The same seed and number of cases make the same cases.
 *
 * @module
 */

import { parseArgs } from 'node:util'
import { loadNativeCrypto } from '@myst/crypto-native'
import {
  type Address,
  type Crypto,
  hashTypedData,
  isAddress,
  referenceCrypto,
  type Struct,
  toHex,
} from '@myst/protocol'
import {
  type AnyValue,
  anyCase,
  anyDomain,
  type ContractDomain,
  type DifferentialCase,
  differentialStructs,
  makeSigners,
  spoil,
} from './differential-cases.ts'
import { type ChainVerdict, type DifferentialChain, openDifferentialChain } from './differential-chain.ts'
import { createRandom } from './random.ts'

export interface DifferentialOptions {
  readonly cases: number
  readonly seed: number
  readonly onProgress?: (done: number) => void
  /** Judged besides by the reference adapter, twenty times slower: one case in so many. By default 10,000 in all. */
  readonly referenceEvery?: number
  /** What is held against the contracts; the production verifier. Tests put a faulty one here. */
  readonly verifierOf?: (crypto: Crypto) => Verifier
}

export interface DifferentialReport {
  readonly cases: number
  readonly accepted: number
  readonly refused: number
  /** By the contracts' errors. */
  readonly refusals: Readonly<Record<string, number>>
  /** Values out of range that were offered to the hash, all of them refused. */
  readonly outOfRange: number
  /** Each with all that is needed to look at it again. */
  readonly mismatches: readonly Mismatch[]
  readonly seed: number
  readonly seconds: number
}

export interface Mismatch {
  readonly what: string
  readonly struct: string
  readonly change: string
  readonly domain: string
  readonly value: string
  readonly signature: string
  readonly ours: string
  readonly theirs: string
}

export interface Verifier {
  hash(domain: ContractDomain, struct: Struct, value: AnyValue): Uint8Array
  recover(digest: Uint8Array, signature: Uint8Array): Address | undefined
}

export const productionVerifier = (crypto: Crypto): Verifier => ({
  hash: (domain, struct, value) => hashTypedData(crypto, domain, struct, value),
  recover: (digest, signature) => crypto.recover(digest, signature),
})

/** One struct and one domain a batch. More than this makes requests of a megabyte. */
const batchCases = 250
/** After so many the point is made. */
const maxMismatches = 20
const progressEveryMs = 1_000

export async function runDifferential(options: DifferentialOptions): Promise<DifferentialReport> {
  const chain = await openDifferentialChain()
  try {
    return await compare(chain, options)
  } finally {
    await chain.close()
  }
}

interface Batch {
  readonly domain: ContractDomain
  readonly kind: number
  readonly cases: readonly DifferentialCase[]
  readonly verdicts: readonly OwnVerdict[]
}

interface OwnVerdict {
  readonly digest: string
  readonly signer: Address | undefined
}

async function compare(
  chain: DifferentialChain,
  {
    cases: total,
    seed,
    onProgress,
    // A long run is about the production verifier.
    referenceEvery = Math.max(1, Math.floor(total / 10_000)),
    verifierOf = productionVerifier,
  }: DifferentialOptions,
): Promise<DifferentialReport> {
  const startedMs = performance.now()
  const native = await loadNativeCrypto()
  const [verifier, reference] = [verifierOf(native), verifierOf(referenceCrypto)]
  const random = createRandom(seed)
  const signers = makeSigners(native, random)
  const mismatches: Mismatch[] = []
  const refusals: Record<string, number> = {}
  let [done, accepted, outOfRange, saidAtMs] = [0, 0, 0, startedMs]

  function report(what: string, { domain }: Batch, of: DifferentialCase, ours: string, theirs: string): void {
    const { struct, change, value, signature } = of
    mismatches.push({
      what,
      struct: struct.name,
      change,
      domain: show(domain),
      value: show(value),
      signature: toHex(signature),
      ours,
      theirs,
    })
  }

  function make(number: number): Batch {
    const kind = number % differentialStructs.length
    const struct = differentialStructs[kind] as Struct
    const domain = anyDomain(random)
    const size = Math.min(batchCases, total - number * batchCases)
    const cases = Array.from({ length: size }, () => anyCase(native, random, signers, domain, struct))
    const verdicts = cases.map(({ value, signature }) => {
      const digest = verifier.hash(domain, struct, value)
      return { digest: toHex(digest), signer: verifier.recover(digest, signature) }
    })
    return { domain, kind, cases, verdicts }
  }

  function judge(batch: Batch, theirs: readonly ChainVerdict[]): void {
    for (const [index, of] of batch.cases.entries()) {
      const { digest, outcome } = theirs[index] as ChainVerdict
      const own = batch.verdicts[index] as OwnVerdict
      const valid = isAddress(outcome)
      if (valid) accepted += 1
      else refusals[outcome] = (refusals[outcome] ?? 0) + 1
      if (own.digest !== digest) report('digest', batch, of, own.digest, digest)
      if (own.signer !== (valid ? outcome : undefined)) report('signer', batch, of, own.signer ?? 'refused', outcome)
      if (of.signer !== undefined && of.signer !== outcome) report('a good signature', batch, of, of.signer, outcome)
      if (!valid && outcome.startsWith('an unknown')) report('error', batch, of, own.signer ?? 'refused', outcome)
      if ((done + index) % referenceEvery === 0) checkReference(batch, of, own)
    }
    checkOutOfRange(batch)
    done += batch.cases.length
  }

  function checkReference(batch: Batch, of: DifferentialCase, own: OwnVerdict): void {
    const digest = reference.hash(batch.domain, of.struct, of.value)
    const signer = reference.recover(digest, of.signature)
    if (toHex(digest) !== own.digest) report('reference digest', batch, of, own.digest, toHex(digest))
    if (signer !== own.signer) report('reference signer', batch, of, own.signer ?? 'refused', signer ?? 'refused')
  }

  /** Nothing is truncated on our side, so that nothing out of range reaches a contract as something else. */
  function checkOutOfRange(batch: Batch): void {
    const of = batch.cases[0] as DifferentialCase
    for (const { field, value } of spoil(of.struct, of.value)) {
      outOfRange += 1
      try {
        const digest = verifier.hash(batch.domain, of.struct, value)
        report(`${field} is out of range`, batch, { ...of, value }, toHex(digest), 'refused')
      } catch (error) {
        if (!(error instanceof RangeError)) throw error
      }
    }
  }

  const batches = Math.ceil(total / batchCases)
  let batch = make(0)
  for (let number = 0; number < batches; number++) {
    // The chain judges this batch while the next one is made and judged here.
    const judging = chain.judge(batch.domain, batch.kind, batch.cases)
    await flush()
    const next = number + 1 < batches ? make(number + 1) : undefined
    judge(batch, await judging)
    if (next === undefined || mismatches.length >= maxMismatches) break
    batch = next
    if (performance.now() - saidAtMs > progressEveryMs) {
      saidAtMs = performance.now()
      onProgress?.(done)
    }
  }
  const seconds = Math.round(performance.now() - startedMs) / 1000
  return { cases: done, accepted, refused: done - accepted, refusals, outOfRange, mismatches, seed, seconds }
}

/** Lets a request that was begun leave the process. */
const flush = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))

const show = (value: unknown): string =>
  JSON.stringify(value, (_, field) => (typeof field === 'bigint' ? field.toString() : field))

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      cases: { type: 'string', default: '10000' },
      seed: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
    },
  })
  const [cases, seed] = [Number(values.cases), Number(values.seed)]
  if (!Number.isSafeInteger(cases) || cases < 1 || !Number.isSafeInteger(seed)) {
    throw new Error('--cases and --seed are whole numbers')
  }
  console.error(`${cases} cases from seed ${seed} …`)
  const report = await runDifferential({
    cases,
    seed,
    onProgress: (done) => console.error(`${done} of ${cases}`),
  })
  for (const mismatch of report.mismatches) console.error(mismatch)
  console.log(
    values.json
      ? JSON.stringify(report)
      : `${report.cases} cases: ${report.accepted} accepted, ${report.refused} refused by both, ` +
          `${report.mismatches.length} mismatches, ${report.seconds} s (seed ${seed})`,
  )
  return report.mismatches.length === 0 ? 0 : 1
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2))
