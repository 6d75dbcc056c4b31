// The table: runtime × backend × feature. Every cell is a pass, a letter with its reason below, or a failure.
import { limitOf, limits } from './limits.mjs';

/** What one cell shows, given what was seen there. */
function judge(row, feature, line) {
  const limit = limitOf(row, feature);
  if (!line) return { failure: 'was not run' };
  if (line.outcome === 'absent') return { reason: line.text };
  if (line.outcome === 'fail') return limit?.text.test(line.text) ? { reason: `${limit.reason}: ${limit.issue}` } : { failure: line.text };
  return {};
}

/**
 * @param {object[]} rows places: `runtime`, `caller`, `backend`, and `lines` by feature
 * @param {string[]} features the columns
 * @returns {{ text: string, failures: string[] }}
 */
export function makeTable(rows, features) {
  const reasons = new Map();
  const failures = [];
  const letterOf = (reason) => {
    if (!reasons.has(reason)) reasons.set(reason, String.fromCharCode(97 + reasons.size));
    return reasons.get(reason);
  };
  const body = rows.map((row) => [
    row.runtime, row.caller, row.backend,
    ...features.map((feature) => {
      const { failure, reason } = judge(row, feature, row.lines.get(feature));
      if (failure) failures.push(`${row.runtime}, ${row.caller}, ${row.backend}: ${feature}: ${failure}`);
      return failure ? 'FAIL' : reason ? letterOf(reason) : '✓';
    }),
  ]);
  // Of one that always holds a cell may pass by luck, and all of them by being mended.
  for (const limit of limits.filter(({ always }) => always)) {
    const cells = rows.flatMap((row) => features.map((feature) => ({ row, feature, line: row.lines.get(feature) })));
    const seen = cells.filter(({ row, feature, line }) => limitOf(row, feature) === limit && ['pass', 'fail'].includes(line?.outcome));
    if (seen.length > 0 && seen.every(({ line }) => line.outcome === 'pass')) failures.push(`${seen[0].feature} passes now wherever it did not: delete the limit '${limit.reason}'`);
  }
  // Names of several words stand one below the other.
  const names = [['runtime'], ['called from'], ['backend'], ...features.map((feature) => feature.split(' '))];
  const depth = Math.max(...names.map(({ length }) => length));
  const heads = Array.from({ length: depth }, (_, level) => names.map((words) => words[level - depth + words.length] ?? ''));
  const widths = names.map((words, column) => Math.max(...words.map(({ length }) => length), ...body.map((cells) => cells[column].length)));
  const rule = widths.map((width) => '─'.repeat(width));
  const lineOf = (cells) => cells.map((cell, column) => cell.padEnd(widths[column])).join(' ').trimEnd();
  const lines = [...heads, rule, ...body].map(lineOf);
  const notes = [...reasons].map(([reason, letter]) => `${letter}  ${reason}`);
  return { text: [...lines, '', ...notes].join('\n'), failures };
}
