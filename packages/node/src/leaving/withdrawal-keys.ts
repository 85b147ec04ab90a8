/**
 * The keys under which withdrawals were asked for: who lost the answer asks again, and nothing leaves a second time.
 *
 * A key is durable together with its wish, so it holds over a crash, and after the wish is done.
 *
 * @module
 */

import { type Address, address, Fault, field, flag, message, uint, type ValueOfSchema } from '@myst/protocol'
import { type RecordStore, type RecordWrite, table } from '@myst/store'

const rowSchema = message({
  accountant: field(0, address),
  beneficiary: field(1, address),
  amount: field(2, uint(256)),
  askedMs: field(3, uint(53)),
  isOver: field(4, flag),
})
type Row = ValueOfSchema<typeof rowSchema>
const keyTable = table('withdrawal-keys', rowSchema)

export interface WithdrawalKeys {
  /** @throws Fault `idempotency-key-reused` where it was another wish's. */
  stateOf(key: string, wish: Pick<Row, 'beneficiary' | 'amount'>): 'new' | 'under-way' | 'over'
  /** Of what is under way from now on, in one commit with the wish itself. */
  add(key: string, wish: Pick<Row, 'beneficiary' | 'amount' | 'askedMs'>, writes: readonly RecordWrite[]): void
  /**
   * Of all that was under way, in one commit with the end of the wish itself.
   *
   * @param hasLeft where nothing has, the keys are as good as new.
   */
  end(hasLeft: boolean, writes: readonly RecordWrite[]): void
}

/** As many as answers are kept in memory; a row has some 100 bytes. None goes whose wish is under way. */
const maxOverKeys = 1000

export function openWithdrawalKeys(store: RecordStore, accountant: Address): WithdrawalKeys {
  const rows = new Map([...keyTable.load(store)].filter(([, row]) => row.accountant === accountant))
  /** No key has a space in it. */
  const nameOf = (key: string) => `${accountant} ${key}`

  function change(next: ReadonlyMap<string, Row | undefined>, writes: readonly RecordWrite[]): void {
    const own = [...next].map(([name, row]) => (row === undefined ? keyTable.remove(name) : keyTable.put(name, row)))
    store.commit([...writes, ...own])
    for (const [name, row] of next) {
      if (row === undefined) rows.delete(name)
      else rows.set(name, row)
    }
  }

  return {
    stateOf(key, { beneficiary, amount }) {
      const row = rows.get(nameOf(key))
      if (row === undefined) return 'new'
      if (row.beneficiary !== beneficiary || row.amount !== amount) throw new Fault('idempotency-key-reused', { key })
      return row.isOver ? 'over' : 'under-way'
    },
    add: (key, { beneficiary, amount, askedMs }, writes) =>
      change(new Map([[nameOf(key), { accountant, beneficiary, amount, askedMs, isOver: false }]]), writes),
    end(hasLeft, writes) {
      const all = [...rows].toSorted(([, a], [, b]) => Number(b.askedMs - a.askedMs))
      const ended = all
        .filter(([, { isOver }]) => !isOver)
        .map(([name, row]) => [name, hasLeft ? { ...row, isOver: true } : undefined] as const)
      const old = all.slice(maxOverKeys).map(([name]) => [name, undefined] as const)
      change(new Map<string, Row | undefined>([...ended, ...old]), writes)
    },
  }
}
