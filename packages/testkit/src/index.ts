/**
 * For tests alone: compliance suites that every adapter of a port runs.
 *
 * @module
 */

export { type LinkLab, linkCompliance } from './compliance/link.ts'
