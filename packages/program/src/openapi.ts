/**
 * Pieces of an OpenAPI 3.1 description that all programs use, and what a test needs to hold it to the routes.
 *
 * @module
 */

export const text = { type: 'string' }
export const count = { type: 'integer', minimum: 0 }
export const flag = { type: 'boolean' }
export const amount = { type: 'string', pattern: '^\\d+$', description: 'Base units, decimal.' }

export const object = (properties: Readonly<Record<string, object>>, required = Object.keys(properties)) => ({
  type: 'object',
  required,
  properties,
})

export const json = (schema: object) => ({ 'application/json': { schema } })

/** What every refusal and error has. */
export const refusal = (codes: readonly string[]) =>
  object({ code: { enum: codes }, message: text, facts: { type: 'object' } })

export interface OpenApiPaths {
  readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>
}

/** `get /v1/status`, … as described. */
export const describedRoutes = ({ paths }: OpenApiPaths): string[] =>
  Object.entries(paths)
    .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`))
    .sort()

/** The same, as the source of a server has them: `server.get('/v1/status', …`. */
export const writtenRoutes = (...sources: readonly string[]): string[] =>
  sources
    .flatMap((source) => [
      ...source.matchAll(/server\.(get|post|put|delete)(?:<[^(]*>)?\(\s*[`'](?:\$\{prefix\})?([^`']+)[`']/g),
    ])
    .map(([, method, path = '']) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
    .sort()
