import { cryptoCompliance } from '@myst/testkit'
import { referenceCrypto } from './reference-crypto.ts'

cryptoCompliance('noble, the reference', async () => referenceCrypto)
