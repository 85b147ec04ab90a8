/**
 * What the server itself refuses, before the node is asked; in the order of the checks.
 *
 * @module
 */

export type ApiRefusalCode =
  | 'request-malformed'
  | 'host-not-allowed'
  | 'origin-not-allowed'
  | 'path-unknown'
  | 'token-missing'
  | 'token-wrong'
  | 'content-type-not-json'
  | 'body-too-large'
  | 'body-malformed'
  | 'request-invalid'
  | 'idempotency-key-invalid'
  | 'idempotency-key-reused'
  | 'events-full'
  | 'node-stopping'
  | 'internal'

/** What the client says when there is no answer, or none that can be read. */
export type ClientFaultCode = 'node-unreachable' | 'node-timeout' | 'node-answer-invalid'
