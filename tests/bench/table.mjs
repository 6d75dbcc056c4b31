// A report as text: a table, and what it says about speed-up and about native speed.

export function table({ machine, runtime, rows }) {
  const lines = [`${machine.cpu}, ${machine.cores} cores, ${machine.memoryGB} GB, ${machine.os}; ${runtime}`, ''];
  for (const name of new Set(rows.map((row) => row.case))) {
    const mine = rows.filter((row) => row.case === name);
    lines.push(name);
    lines.push(`  ${'threads'.padEnd(8)}${'loomwork ms'.padStart(26)}${'native ms'.padStart(26)}${'of native’s speed'.padStart(20)}`);
    for (const threads of new Set(mine.map((row) => row.threads))) {
      const loomwork = find(mine, 'loomwork', threads);
      const native = find(mine, 'native', threads);
      lines.push(`  ${String(threads).padEnd(8)}${spread(loomwork).padStart(26)}${spread(native).padStart(26)}${(native.median / loomwork.median).toFixed(2).padStart(20)}`);
    }
    const most = Math.max(...mine.map((row) => row.threads));
    if (most > 1) {
      const [ours, theirs] = ['loomwork', 'native'].map((impl) => find(mine, impl, 1).median / find(mine, impl, most).median);
      lines.push(`  ${most} threads against 1: loomwork ×${ours.toFixed(2)}, native ×${theirs.toFixed(2)} (${(ours / theirs).toFixed(2)} of native’s own)`);
    }
    lines.push('');
  }
  return lines.join('\n');
}

function find(rows, impl, threads) {
  return rows.find((row) => row.impl === impl && row.threads === threads);
}

function spread({ median, min, max }) {
  return `${median.toFixed(1)} (${min.toFixed(1)}–${max.toFixed(1)})`;
}
