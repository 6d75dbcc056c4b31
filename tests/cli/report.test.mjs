// What is made of the rows of a benchmark: ratios, means over kernels, the text and the page, from figures that are known.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { shared } from '../bench/shared.mjs';

const { cases, htmlReport, kernelOf, measureInTurn, spreadOf, summarize, textTable, threadCounts } = shared;

const row = (name, impl, kind, threads, median) => ({ suite: 'kernels', case: name, impl, kind, threads, unit: 'ms', median, min: median * 0.9, max: median * 1.2, runs: 3 });
const rows = [
  row('sort 1 M', 'loomwork', 'ours', 1, 100),
  row('sort 1 M', 'loomwork', 'ours', 4, 40),
  row('sort 1 M', 'loomwork inline', 'ours', 1, 150),
  row('sort 1 M', 'native', 'native', 1, 80),
  row('sort 1 M', 'native', 'native', 4, 20),
  row('sort 1 M', 'native-cpu', 'native', 4, 10),
  row('sort 1 M', 'js', 'portable', 1, 300),
  row('sort 1 M', 'js-workers', 'portable', 4, 120),
  row('sort 2 M', 'loomwork', 'ours', 1, 100),
  row('sort 2 M', 'loomwork', 'ours', 4, 50),
  row('sort 2 M', 'native', 'native', 1, 100),
  row('sort 2 M', 'native', 'native', 4, 4),
  row('fft, 2²⁰', 'loomwork', 'ours', 1, 40),
  row('fft, 2²⁰', 'loomwork', 'ours', 4, 10),
  row('fft, 2²⁰', 'native', 'native', 1, 40),
  row('fft, 2²⁰', 'native', 'native', 4, 10),
  row('fft, 2²⁰', 'some-addon', 'addon', 1, 5),
];
const report = { machine: { cpu: 'A <b>CPU</b> & "more"', cores: 4, memoryGB: 8, os: 'linux', date: '2026-01-02T03:04:05.000Z' }, runtime: 'node v20', rows, left: ['sort 1 M: <script>: it failed'] };
const close = (actual, expected) => assert.ok(Math.abs(actual - expected) < 1e-9, `${actual}, not ${expected}`);

describe('ratios', () => {
  test('of a case', () => {
    const [first, , last] = summarize(rows).cases;
    close(first.ofNative, 20 / 40);
    close(first.ofNativeCpu, 10 / 40);
    close(first.scaling, 100 / 40);
    close(first.nativeScaling, 80 / 20);
    assert.equal(first.portable.row.impl, 'js-workers');
    close(first.portable.ratio, 120 / 40);
    assert.equal(first.portableOne.row.impl, 'js');
    close(first.portableOne.ratio, 300 / 100);
    close(first.portableInline.ratio, 300 / 150);
    assert.equal(last.portableInline, undefined);
    assert.equal(first.addon, undefined);
    close(last.addon.ratio, 5 / 10);
  });

  test('means are over kernels, of the cases of a kernel first', () => {
    const { kernels, ofNative, ofNativeScaling, slow } = summarize(rows);
    assert.deepEqual(kernels.map(({ kernel }) => kernel), ['sort', 'fft']);
    const sort = Math.sqrt((20 / 40) * (4 / 50));
    close(kernels[0].ofNative, sort);
    close(ofNative, Math.sqrt(sort * 1));
    close(ofNativeScaling, Math.sqrt(Math.sqrt((2.5 / 4) * (2 / 25)) * 1));
    assert.deepEqual(slow.map(({ kernel }) => kernel), ['sort']);
  });

  test('of nothing, and of ours alone', () => {
    assert.deepEqual(summarize([]).kernels, []);
    const alone = summarize(rows.filter(({ kind }) => kind === 'ours'));
    assert.equal(alone.ofNative, undefined);
    close(alone.scaling, Math.sqrt(Math.sqrt(2.5 * 2) * 4));
    assert.equal(textTable({ ...report, rows: [], left: [] }).trim(), 'A <b>CPU</b> & "more", 4 cores, 8 GB, linux; node v20');
  });
});

test('the text names what is slow, what was left out, and each peer', () => {
  const text = textTable(report);
  assert.match(text, /under 0\.6 of native’s speed: sort 0\.20/);
  assert.match(text, /^left out:\n {2}sort 1 M: <script>: it failed/m);
  assert.match(text, /js-workers, loomwork on as many ×3\.00/);
  assert.match(text, /^ {2}the same, ours on the caller’s own thread too: js, 1 thread: loomwork ×2\.00$/m);
  assert.match(text, /4 threads against 1: loomwork ×2\.50, native ×4\.00 \(0\.63 of native’s own\)/);
});

test('the page escapes whatever it shows', () => {
  const html = htmlReport({ ...report, rows: [...rows, row('a"><img src=x> case', 'loomwork', 'ours', 1, 1)] });
  assert.doesNotMatch(html, /<script|<img|<b>CPU/);
  assert.match(html, /A &#60;b&#62;CPU/);
});

describe('what is measured', () => {
  test('each takes its turn, every other round goes backwards, an optional one that fails is left out, and one that must not fail ends it', async () => {
    const order = [];
    const entry = (impl, more = {}) => ({ impl, kind: 'ours', threads: 1, run: async () => (order.push(impl), { ms: 1 }), verify() {}, ...more });
    const failed = [];
    const wrong = { optional: true, verify: () => { throw new Error('wrong'); } };
    const measured = await measureInTurn([entry('a'), entry('b', wrong), entry('c')], {
      name: 'x', runs: 3, before: async () => void order.push('before'), onFailed: ({ impl }) => failed.push(impl),
    });
    assert.deepEqual(measured.map(({ impl, runs }) => [impl, runs]), [['a', 3], ['c', 3]]);
    assert.deepEqual(failed, ['b']);
    const warmUps = ['a', 'a', 'b', 'c', 'c'];
    assert.deepEqual(order, [...warmUps, ...['a', 'c', 'c', 'a', 'a', 'c'].flatMap((impl) => ['before', impl])]);
    await assert.rejects(measureInTurn([entry('d', { ...wrong, optional: false })], { name: 'x', runs: 1 }), /wrong/);
  });

  test('medians, numbers of threads, and kernels by the names of cases', () => {
    assert.deepEqual(spreadOf([3, 1, 2]), { median: 2, min: 1, max: 3, runs: 3 });
    assert.deepEqual([1, 2, 6, 8, 24].map(threadCounts), [[1], [1, 2], [1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4, 5, 6, 7, 8, 16, 24]]);
    for (const size of ['full', 'light', 'tiny']) {
      const all = cases(size);
      assert.equal(new Set(all.map(({ name }) => name)).size, all.length, 'two cases have one name');
      for (const { name, kernel } of all) assert.equal(kernelOf(name), kernel);
    }
  });
});
