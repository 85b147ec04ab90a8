/**
 * What a command has to say: an object for programs, and text for people.
 *
 * @module
 */

export interface Answer {
  /** With `--json`, stdout carries this and nothing else. */
  readonly json: object
  readonly text: string
}
