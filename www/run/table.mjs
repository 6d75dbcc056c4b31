// An aligned table and colours for a terminal; plain text elsewhere and under NO_COLOR.

/** Styles that apply only where the stream is a terminal. */
export const paint = Object.fromEntries(
  Object.entries({ bold: 1, dim: 2, red: 31, green: 32 }).map(([name, code]) => [
    name,
    (text, stream = process.stdout) => (stream.isTTY && !process.env.NO_COLOR ? `\x1b[${code}m${text}\x1b[0m` : text),
  ]),
);

/**
 * @param {string[]} head
 * @param {string[][]} rows
 * @param {number} words so many columns hold words and begin at the left; numbers end at the right
 */
export function table(head, rows, words) {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column].length)));
  const line = (row) => row.map((cell, column) => (column < words ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join('  ').trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return [paint.bold(line(head)), paint.dim(rule), ...rows.map(line)].join('\n');
}
