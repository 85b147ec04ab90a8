/**
 * Ledger store on PostgreSQL: several processes stand before one database, and one of them writes.
 *
 * The writer holds an advisory lock for as long as its session lives; the others wait for it. The lock alone is no fence: a
 * session that was cut off may not know yet. So who gets the lock puts a token and its session into the one row of
 * `ledger_writer`, and an append is a single statement that locks this row, compares it, and takes its entry only as the
 * next one. One under way ends before the row can change hands; one that comes later finds another's token. Records are
 * saved on a second connection, in a transaction that compares the token last, and holds the row until it is committed.
 *
 * A session is never replaced under a store's feet: with the connection the right to write is gone, and only opening anew
 * brings it back.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Fault } from '@myst/protocol'
import postgres from 'postgres'
import type {
  LedgerChanges,
  LedgerKey,
  LedgerRecord,
  LedgerRows,
  LedgerStore,
  LogEntry,
  NextEntry,
} from './ledger-store.ts'

/** A server that takes longer than this to greet is none; a wait tries again. */
const connectTimeoutMs = 10_000
/** Whoever holds a lock on our tables for longer than this makes the commit fail, wholly. */
const statementTimeoutMs = 10_000
/** The server has given up before this, and said so: who hears nothing has lost the server, and knows nothing of its commit. */
const answerTimeoutMs = 15_000
/** A writer that nobody asks anything learns after so long that it was replaced, or cut off. */
const heartbeatMs = 5000
/** A writer that is gone is replaced after so long. */
const standbyEveryMs = 1000
/** A writer that sleeps, while its kernel goes on answering for it, loses its session after four missed heartbeats. */
const sleepingAfterMs = 20_000
/** A writer whose machine vanished holds the lock until the server missed three of these, in seconds. */
const keepAliveS = 5
/** Rows in one answer: a record is a few hundred bytes, an entry up to some MiB. */
const maxRecordsAtOnce = 2000
/** Log entries in one answer: 256 MiB where each has the 8 MiB that it may have. */
const maxEntriesAtOnce = 32
/** Of records in one statement while a ledger is copied. */
const maxFillBytes = 4 << 20
/** Who begins to save records and falls asleep holds nobody up for longer. */
const savingMs = 5000

/** Raised with every change of the layout. */
const layoutVersion = 1
/** Of all advisory locks, ours: "myst" in ASCII. The other half is the table, so that each schema has its own ledger. */
const lockClass = 0x6d797374
// Keys in the order of their bytes: another order of the system's language library would break their index.
const layout = `
  SELECT pg_advisory_xact_lock(${lockClass}, 0);
  CREATE TABLE IF NOT EXISTS ledger_records
    (tbl text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL, value bytea NOT NULL, PRIMARY KEY (tbl, key));
  CREATE TABLE IF NOT EXISTS ledger_log (sequence bigint PRIMARY KEY, hash bytea NOT NULL, body bytea NOT NULL);
  CREATE TABLE IF NOT EXISTS ledger_writer
    (one boolean PRIMARY KEY DEFAULT true CHECK (one), version int NOT NULL, token text, session int, since timestamptz);
  INSERT INTO ledger_writer (version) VALUES (${layoutVersion}) ON CONFLICT DO NOTHING`

export interface PostgresLedgerOptions {
  /** Waits while another process writes; without it that is `store-in-use`. */
  readonly standby?: {
    /** Ends the wait. */
    readonly signal?: AbortSignal
    /** Called once when the wait begins, and with each fault that prolongs it. */
    onWait(fault?: Fault): void
  }
  /** Called once when the right to write is gone, other than by `close`: only opening anew brings it back. */
  onLost?(fault: Fault): void
}

/**
 * Resolves when this process is the writer.
 *
 * @param url `postgres://user:password@host/database`, of the server itself: a pooler would lend our session to others.
 * @throws Fault `store-in-use`, `store-newer`, `store-unreadable` where the tables are not ours, `store-unsynced` where the
 * server runs without fsync, `store-unreachable`.
 */
export async function openPostgresLedgerStore(
  url: string,
  { standby, onLost }: PostgresLedgerOptions = {},
): Promise<LedgerStore> {
  const path = url.replace(/^\w+:\/\/(?:.*@)?/, 'postgres://').replace(/\?.*$/, '')
  const { session, token } = await becomeWriter(url, path, standby)
  const { sql, ask } = session
  /** Saves records now. */
  let saver: Session | undefined
  /** Why nothing is taken any more. */
  let lost: Fault | undefined
  let closed = false

  /** Whoever waits may go on at once. */
  async function lose(fault: Fault): Promise<Fault> {
    if (lost !== undefined) return lost
    lost = fault
    clearInterval(heart)
    await Promise.all([saver?.end(), session.end()])
    if (!closed) onLost?.(fault)
    return fault
  }
  void session.gone.then(() => lose(new Fault('store-failed', { path, why: 'the connection is gone' })))
  const heart = setInterval(async () => {
    // What ends with the session is told by `gone`.
    const mine = await ask(sql`SELECT FROM ledger_writer WHERE token = ${token}`).catch(() => undefined)
    if (mine?.length === 0) await lose(replaced())
  }, heartbeatMs).unref()
  const replaced = (facts = {}) => new Fault('store-fenced', { path, ...facts, why: 'another writes' })

  async function* pages<T>(page: (after: T | undefined) => postgres.PendingQuery<postgres.Row[]>): AsyncGenerator<T> {
    for (let last: T | undefined; ; ) {
      const rows = (await reading(path, ask(page(last)))) as T[]
      yield* rows
      last = rows.at(-1)
      if (last === undefined) return
    }
  }

  async function* records(): AsyncGenerator<LedgerRecord> {
    const rows = pages<LedgerRecord>((after) =>
      after === undefined
        ? sql`SELECT tbl AS "table", key, value FROM ledger_records ORDER BY tbl, key LIMIT ${maxRecordsAtOnce}`
        : sql`SELECT tbl AS "table", key, value FROM ledger_records WHERE (tbl, key) > (${after.table}, ${after.key})
              ORDER BY tbl, key LIMIT ${maxRecordsAtOnce}`,
    )
    for await (const { table, key, value } of rows) yield { table, key, value: bytesOf(value) }
  }

  async function* log(): AsyncGenerator<LogEntry> {
    const rows = pages<LogEntry>(
      (after) => sql`SELECT sequence, hash, body FROM ledger_log WHERE sequence > ${after?.sequence ?? -1}
                     ORDER BY sequence LIMIT ${maxEntriesAtOnce}`,
    )
    for await (const row of rows) yield entryOf(row)
  }

  async function append({ entry, oldest }: NextEntry): Promise<void> {
    if (lost !== undefined) throw lost
    let fence: { next: string; kept: boolean } | undefined
    try {
      // Not at odds with the key share of `save`, at odds with who takes over.
      const answer = await ask(sql`
        WITH fence AS MATERIALIZED (
          SELECT (SELECT coalesce(max(sequence), 0) + 1 FROM ledger_log) AS next
          FROM ledger_writer WHERE token = ${token} AND session = pg_backend_pid() FOR NO KEY UPDATE
        ), appended AS (
          INSERT INTO ledger_log (sequence, hash, body)
          SELECT next, ${entry.hash}::bytea, ${entry.body}::bytea FROM fence WHERE next = ${entry.sequence}
          RETURNING sequence
        ), dropped AS (
          DELETE FROM ledger_log WHERE sequence < ${oldest} AND EXISTS (SELECT FROM appended)
        )
        SELECT next, EXISTS (SELECT FROM appended) AS kept FROM fence`)
      fence = answer[0] as typeof fence
    } catch (cause) {
      if (codeOf(cause) === diskFull) throw new Fault('store-full', { path }, { cause })
      throw await lose(new Fault('store-failed', { path }, { cause }))
    }
    const { sequence } = entry
    if (fence === undefined) throw await lose(replaced({ sequence }))
    if (!fence.kept) throw new Fault('store-fenced', { path, sequence, next: Number(fence.next) })
  }

  /** On a connection of its own, for this once. Unsure about its end, it is done again: the same records once more. */
  async function save(parts: AsyncIterable<LedgerChanges>): Promise<void> {
    if (lost !== undefined) throw lost
    try {
      saver = await connect(url, path)
      await saveOn(saver, parts)
    } catch (cause) {
      if (codeOf(cause) === diskFull) throw new Fault('store-full', { path }, { cause })
      if (codeOf(cause) === 'store-fenced') throw await lose(cause as Fault)
      const isBug = (cause as { code?: unknown }).code === undefined
      throw isBug || cause instanceof Fault ? cause : new Fault('store-unreachable', { path }, { cause })
    } finally {
      await saver?.end()
      saver = undefined
    }
  }

  async function saveOn({ sql, ask }: Session, parts: AsyncIterable<LedgerChanges>): Promise<void> {
    await ask(sql`SELECT set_config('idle_in_transaction_session_timeout', ${String(savingMs)}, false)`)
    await ask(sql.unsafe('BEGIN'))
    try {
      for await (const { records, removed } of parts) {
        await ask(sql`
          INSERT INTO ledger_records (tbl, key, value) SELECT record->>0, record->>1, decode(record->>2, 'hex')
          FROM json_array_elements(${encodeRecords(records)}::text::json) AS record
          ON CONFLICT (tbl, key) DO UPDATE SET value = excluded.value`)
        if (removed.length === 0) continue
        await ask(sql`
          DELETE FROM ledger_records USING json_array_elements(${encodeKeys(removed)}::text::json) AS record
          WHERE tbl = record->>0 AND key = record->>1`)
      }
      const [mine] = await ask(sql`SELECT 1 AS mine FROM ledger_writer WHERE token = ${token} FOR KEY SHARE`)
      if (mine === undefined) throw replaced()
      await ask(sql.unsafe('COMMIT'))
    } catch (cause) {
      await ask(sql.unsafe('ROLLBACK')).catch(() => {})
      throw cause
    }
  }

  /** One transaction, however large: who is killed in it leaves nothing. */
  async function fill(from: LedgerRows): Promise<void> {
    if (lost !== undefined) throw lost
    await ask(sql.unsafe('BEGIN'))
    try {
      const [mine] = await ask(sql`
        SELECT EXISTS (SELECT FROM ledger_log) OR EXISTS (SELECT FROM ledger_records) AS filled
        FROM ledger_writer WHERE session = pg_backend_pid() AND token = ${token} FOR UPDATE`)
      if (mine === undefined) throw replaced()
      if (mine.filled !== false) throw new Fault('store-not-empty', { path })
      for await (const some of inParts(from.records)) {
        await ask(sql`
          INSERT INTO ledger_records (tbl, key, value) SELECT record->>0, record->>1, decode(record->>2, 'hex')
          FROM json_array_elements(${encodeRecords(some)}::text::json) AS record`)
      }
      for await (const { sequence, hash, body } of from.log) {
        await ask(sql`
          INSERT INTO ledger_log (sequence, hash, body) VALUES (${sequence}, ${hash}::bytea, ${body}::bytea)`)
      }
      await ask(sql.unsafe('COMMIT'))
    } catch (cause) {
      await ask(sql.unsafe('ROLLBACK')).catch(() => {})
      if (cause instanceof Fault) throw cause
      throw new Fault(codeOf(cause) === diskFull ? 'store-full' : 'store-failed', { path }, { cause })
    }
  }

  return {
    records,
    log,
    append,
    save,
    fill,
    /** The session outlives a full disk: what it says is what a restart would find, and the lock stays ours. */
    async reopen() {
      if (lost !== undefined) throw lost
      const [newest] = await reading(
        path,
        ask(sql`SELECT sequence, hash, body FROM ledger_log ORDER BY sequence DESC LIMIT 1`),
      )
      return newest === undefined ? undefined : entryOf(newest as unknown as LogEntry)
    },
    async close() {
      closed = true
      clearInterval(heart)
      await Promise.all([saver?.end(), session.end()])
    },
  }
}

interface Session {
  readonly sql: postgres.Sql
  /** The one way to ask: on this session or not at all. */
  ask(query: postgres.PendingQuery<postgres.Row[]>): Promise<postgres.Row[]>
  /** Resolves when it has ended, by whomever. */
  readonly gone: Promise<void>
  /** Gives the lock back, and hangs up. */
  end(): Promise<void>
}

/** @throws Fault `store-unreachable`. */
async function connect(url: string, path: string): Promise<Session> {
  const ending = Promise.withResolvers<void>()
  const sql = postgres(url, {
    max: 1,
    max_lifetime: null,
    connect_timeout: connectTimeoutMs / 1000,
    fetch_types: false,
    onnotice: () => {},
    onclose: () => hangUp(),
  })
  let lost = false

  function hangUp(): void {
    lost = true
    ending.resolve()
  }

  async function ask(query: postgres.PendingQuery<postgres.Row[]>): Promise<postgres.Row[]> {
    if (lost) throw lostFault()
    const waiting = new AbortController()
    const timeout = sleep(answerTimeoutMs, undefined, { signal: waiting.signal }).then(
      () => {
        hangUp()
        void sql.end({ timeout: 0 })
        throw lostFault()
      },
      () => undefined as never,
    )
    try {
      const rows = await Promise.race([query, timeout])
      // The driver connects anew without a word; what it was told there was not told to us.
      if (lost) throw lostFault()
      return rows
    } finally {
      waiting.abort()
    }
  }
  const lostFault = () => new Fault('store-unreachable', { path, why: 'the connection is gone' })

  async function end(): Promise<void> {
    // A hang-up reaches the server later than the next one who asks for the lock.
    if (!lost) await ask(sql`SELECT pg_advisory_unlock_all()`).catch(() => {})
    hangUp()
    await sql.end({ timeout: 1 })
  }

  try {
    // Said again here, as a URL or the server's configuration may say otherwise.
    const [server] = await ask(sql`
      SELECT current_setting('fsync') AS fsync, set_config('synchronous_commit', 'on', false),
        set_config('statement_timeout', ${String(statementTimeoutMs)}, false),
        set_config('default_transaction_isolation', 'read committed', false),
        set_config('tcp_keepalives_idle', ${String(keepAliveS)}, false),
        set_config('tcp_keepalives_interval', ${String(keepAliveS)}, false),
        set_config('tcp_keepalives_count', '3', false)`)
    // PostgreSQL 13 does not know it: there a sleeping writer is replaced by hand.
    await ask(sql`
      SELECT set_config(name, ${String(sleepingAfterMs)}, false) FROM pg_settings WHERE name = 'idle_session_timeout'`)
    if (server?.fsync !== 'on') throw new Fault('store-unsynced', { path })
    return { sql, gone: ending.promise, ask, end }
  } catch (cause) {
    await sql.end({ timeout: 0 })
    throw cause instanceof Fault ? cause : new Fault('store-unreachable', { path }, { cause })
  }
}

async function becomeWriter(url: string, path: string, standby: PostgresLedgerOptions['standby']) {
  let session: Session | undefined
  let waits = false
  try {
    for (;;) {
      try {
        session ??= await connect(url, path)
        const token = await takeOver(session, path)
        if (token !== undefined) return { session, token }
        if (standby === undefined) throw new Fault('store-in-use', { path })
        if (!waits) standby.onWait()
        waits = true
      } catch (cause) {
        // Who stood in line once keeps its place while the database restarts.
        if (!waits || !(cause instanceof Fault) || cause.code !== 'store-unreachable') throw cause
        await session?.end()
        session = undefined
        standby?.onWait(cause)
      }
      await sleep(standbyEveryMs, undefined, { signal: standby?.signal })
    }
  } catch (cause) {
    await session?.end()
    throw cause
  }
}

/** @returns the token of a new writer; undefined while there is another. */
async function takeOver({ sql, ask }: Session, path: string): Promise<string | undefined> {
  const token = randomUUID()
  const taking = async () => {
    const [found] = await ask(sql`SELECT to_regclass('ledger_writer') IS NOT NULL AS ours`)
    if (found?.ours !== true) await ask(sql.unsafe(layout))
    const [lock] = await ask(sql`
      SELECT version, pg_try_advisory_lock(${lockClass}::int, 'ledger_writer'::regclass::oid::int) AS held
      FROM ledger_writer`)
    if (lock === undefined) throw new Fault('store-unreadable', { path, why: 'it is not ours' })
    if (lock.version > layoutVersion) {
      throw new Fault('store-newer', { path, version: lock.version, known: layoutVersion })
    }
    if (lock.held !== true) return undefined
    // The stronger lock waits for whoever commits records, too.
    await ask(sql`
      WITH free AS MATERIALIZED (SELECT one FROM ledger_writer FOR UPDATE)
      UPDATE ledger_writer SET token = ${token}, session = pg_backend_pid(), since = now()
      FROM free WHERE ledger_writer.one = free.one`)
    return token
  }
  return reading(path, taking())
}

/** What the server answered to a question about our tables: where it has none such they are not ours. */
async function reading<T>(path: string, asking: Promise<T>): Promise<T> {
  try {
    return await asking
  } catch (cause) {
    if (cause instanceof Fault) throw cause
    if (codeOf(cause) === diskFull) throw new Fault('store-full', { path }, { cause })
    const ours = !foreign.test(codeOf(cause))
    throw new Fault(ours ? 'store-unreachable' : 'store-unreadable', { path }, { cause })
  }
}

/** SQLSTATE: disk full. */
const diskFull = '53100'
/** SQLSTATE: undefined or mistyped tables and columns, missing rights, a read-only server, corrupted data. */
const foreign = /^(42|25006|XX|22)/

/** So many records at once, and so many bytes, which are twice as many in hex. */
async function* inParts(records: LedgerRows['records']): AsyncGenerator<readonly LedgerRecord[]> {
  let part: LedgerRecord[] = []
  let bytes = 0
  for await (const record of records) {
    part.push(record)
    bytes += record.value.length
    if (part.length < maxRecordsAtOnce && bytes < maxFillBytes) continue
    yield part
    part = []
    bytes = 0
  }
  if (part.length > 0) yield part
}

/** Of records with one key the last counts. Hex in JSON: one parameter, however many there are. */
function encodeRecords(records: readonly LedgerRecord[]): string {
  const last = new Map<string, [string, string, string]>()
  for (const { table, key, value } of records) {
    if (!(value instanceof Uint8Array)) throw new TypeError(`the value of ${table}/${key} is no bytes`)
    last.set(JSON.stringify([table, key]), [table, key, Buffer.from(value).toString('hex')])
  }
  return JSON.stringify([...last.values()])
}

const encodeKeys = (keys: readonly LedgerKey[]): string => JSON.stringify(keys.map(({ table, key }) => [table, key]))

const codeOf = (cause: unknown): string => String((cause as { code?: unknown }).code)
const bytesOf = (value: Uint8Array): Uint8Array => new Uint8Array(value)
const entryOf = ({ sequence, hash, body }: LogEntry): LogEntry => ({
  sequence: Number(sequence),
  hash: bytesOf(hash),
  body: bytesOf(body),
})
