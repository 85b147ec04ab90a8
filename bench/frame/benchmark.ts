/**
 * What a benchmark is: a file `bench/<name>.ts` that exports `bench`. Nothing else names it.
 *
 * @module
 */

export interface Benchmark<Report extends object = object> {
  /** One line, for the list. */
  readonly about: string
  /** Measures. Throws where what it measured was not what it says. */
  run(say: (line: string) => void): Promise<Report>
  /** For people: figure, goal, peer. */
  render(report: Report): string
  /** The figures that come out the same on every machine, kept in `bench/<name>.snapshot.json`. Absent: there are none. */
  figures?(report: Report): Readonly<Record<string, number>>
}

/** Columns as wide as their widest cell; numbers to the right. */
export function renderTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
  return rows.map((row) => line(row).join('  ').trimEnd()).join('\n')
}
