// What the middleware and enqueue cost an Express route that awaits 2 ms: the same
// application with and without them, by turns, each run in fresh processes; the load
// comes from another one. Prints the medians.
//
//   ROUNDS=5 SECONDS=4 CONNECTIONS=8,64 npm run bench
//   ARCHIVER_URL=http://127.0.0.1:8420 npm run bench     with a real sidecar
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const { ROUNDS = '5', SECONDS = '4', CONNECTIONS = '8,64', ARCHIVER_URL } = process.env;
const here = fileURLToPath(new URL('.', import.meta.url));

/** Starts a script; next() resolves with the next line that it prints. */
function start(script, env) {
  const child = spawn(process.execPath, [join(here, script)], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) {
      throw new Error(`${script} has ended`);
    }
    return value;
  };
  return { child, next };
}

async function measure(audited, connections, sidecar) {
  const spool = mkdtempSync(join(tmpdir(), 'audit-bench-'));
  const app = start('app.mjs', { AUDITED: audited ? '1' : '0', ARCHIVER_URL: sidecar, ARCHIVER_SPOOL_DIR: spool });
  const url = `http://127.0.0.1:${await app.next()}`;
  const result = JSON.parse(await start('load.mjs', { URL: url, CONNECTIONS: connections, SECONDS }).next());
  app.child.kill();
  rmSync(spool, { recursive: true, force: true });
  return result;
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

const fake = ARCHIVER_URL === undefined ? start('sidecar.mjs', {}) : undefined;
const sidecar = ARCHIVER_URL ?? `http://127.0.0.1:${await fake.next()}`;
console.log(`sidecar: ${fake ? 'fake, in a process of its own' : 'real'}; ${ROUNDS} rounds of ${SECONDS} s each, by turns; Node ${process.version}`);
for (const connections of CONNECTIONS.split(',')) {
  const results = { plain: [], audited: [] };
  for (let round = 0; round < Number(ROUNDS); round++) {
    for (const name of round % 2 === 0 ? ['plain', 'audited'] : ['audited', 'plain']) {
      results[name].push(await measure(name === 'audited', connections, sidecar));
    }
  }
  const of = (name, what) => median(results[name].map((r) => r[what]));
  console.log(`${connections} connections`);
  for (const name of ['plain', 'audited']) {
    console.log(`  ${name.padEnd(8)} ${of(name, 'rate').toFixed(0).padStart(6)} requests/s   p50 ${of(name, 'p50').toFixed(2)} ms   p99 ${of(name, 'p99').toFixed(2)} ms   ${of(name, 'cpu').toFixed(0)} µs of CPU per request`);
  }
  const cost = (1 - of('audited', 'rate') / of('plain', 'rate')) * 100;
  console.log(`  cost     ${cost.toFixed(1).padStart(6)} % of requests/s   p50 +${(of('audited', 'p50') - of('plain', 'p50')).toFixed(2)} ms   +${(of('audited', 'cpu') - of('plain', 'cpu')).toFixed(0)} µs of CPU`);
}
fake?.child.kill();
