/**
 * Sendings on disk, before any of them is broadcast.
 *
 * @module
 */

import { type Sending, sendingSchema } from '@myst/chain'
import { type RecordStore, type RecordWrite, table } from '@myst/store'

const sendingTable = table('sendings', sendingSchema)

export const loadSendings = (store: RecordStore): Sending[] =>
  [...sendingTable.load(store)].map(([id, sending]) => ({ id, ...sending }))

export const putSending = ({ id, ...sending }: Sending): RecordWrite => sendingTable.put(id, sending)

export const removeSending = (id: string): RecordWrite => sendingTable.remove(id)
