// The table: runtime × backend × feature. Every cell is a pass, a letter with its reason below, or a failure.
import { limitOf } from './limits.mjs';

/** What one cell shows, given what was seen there. */
function judge(row, feature, line) {
  const limit = limitOf(row, feature);
  if (!line) return { failure: 'was not run' };
  if (line.outcome === 'absent') return { reason: line.text };
  if (line.outcome === 'fail') return limit?.text.test(line.text) ? { reason: `${limit.reason}: ${limit.issue}` } : { failure: line.text };
  if (limit?.always) return { failure: `passes now: delete the limit '${limit.reason}'` };
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
