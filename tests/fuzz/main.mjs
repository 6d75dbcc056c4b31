// ./build.sh fuzz: fuzzes the boundary's decoding natively and the JavaScript API in Node, for so many minutes each.
//
//   node tests/fuzz/main.mjs [--minutes N] [--seed N] [--only PROPERTY] [--path P]
//
// A finding is printed with the smallest value that shows it and the command that shows it again.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { inspect, parseArgs } from 'node:util';
import { audience, openHosts, properties } from './api.mjs';
import { watchMainThread } from './watch.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const { default: fc } = await import(pathToFileURL(join(root, 'www/node_modules/fast-check/lib/fast-check.js')).href);

/** Cases of a property between two lines of progress. */
const BATCH = { 'host options': 50, params: 500, sequences: 30 };

const names = Object.keys(properties);
let values;
try {
  ({ values } = parseArgs({
    options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string', default: String(Date.now() % 2 ** 31) }, only: { type: 'string' }, path: { type: 'string' } },
  }));
} catch (error) {
  wrongUse(error.message);
}
const minutes = Number(values.minutes);
const seed = Number(values.seed);
if (!(minutes > 0)) wrongUse(`--minutes takes a number above 0, got '${values.minutes}'`);
if (!Number.isInteger(seed)) wrongUse(`--seed takes a whole number, got '${values.seed}'`);
if (values.only !== undefined && values.only !== 'boundary' && !names.includes(values.only)) wrongUse(`--only takes one of ${[...names, 'boundary'].join(', ')}, got '${values.only}'`);
if (values.path !== undefined && !names.includes(values.only)) wrongUse('--path goes with the --only of a property and its --seed');

for (const event of ['uncaughtException', 'unhandledRejection']) {
  process.on(event, (reason) => {
    console.error(`found: an ${event}: ${inspect(reason)}`);
    process.exit(1);
  });
}

audience.trying = watchMainThread();
if (values.only === undefined || values.only === 'boundary') await fuzzBoundary();
const hosts = values.only === 'boundary' ? [] : await openHosts();
for (const name of names.filter((each) => values.only === undefined || values.only === each)) await fuzz(name);
await Promise.all(hosts.map((host) => host.close()));
console.log('nothing found');

async function fuzz(name) {
  const until = Date.now() + (minutes * 60_000) / (values.only ? 1 : names.length);
  const tally = {};
  let cases = 0;
  // Far apart, so that runs with seeds beside each other have no case in common.
  for (let round = seed; values.path !== undefined || Date.now() < until; round += 1_000_003) {
    const result = await fc.check(properties[name](fc, tally, hosts), { seed: round | 0, numRuns: BATCH[name], ...(values.path !== undefined && { path: values.path }) });
    if (result.failed) {
      console.error(`found: ${inspect(result.errorInstance)}\n${fc.defaultReportMessage(result)}`);
      console.error(`again: node tests/fuzz/main.mjs --only '${name}' --seed ${round | 0} --path '${result.counterexamplePath}'`);
      process.exit(1);
    }
    cases += result.numRuns;
    console.log(`${name}: ${cases} cases, ${Object.entries(tally).map(([what, count]) => `${what} ${count}`).join(', ')}; ${Math.round(process.memoryUsage.rss() / 1e6)} MB`);
    if (values.path !== undefined) return;
  }
}

/** As many rounds of the native tests as fit into the time. */
async function fuzzBoundary() {
  const until = Date.now() + minutes * 60_000;
  for (let rounds = 1; rounds === 1 || Date.now() < until; rounds += 1) {
    const child = spawn('cargo', ['test', '--quiet', '--release', '--test', 'fuzz'], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, PROPTEST_CASES: '20000' } });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    const status = await new Promise((resolve) => child.on('close', resolve));
    if (status !== 0) {
      console.error(output);
      console.error('again: cargo test --release --test fuzz (what was found is tried first)');
      process.exit(1);
    }
    console.log(`boundary: ${rounds * 60_000} cases`);
  }
}

function wrongUse(message) {
  console.error(message);
  process.exit(2);
}
