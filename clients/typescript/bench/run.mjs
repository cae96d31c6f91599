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

/** Starts a script and resolves with it and the first line that it prints. */
function start(script, env) {
  const child = spawn(process.execPath, [join(here, script)], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) => resolve({ child, line }));
    child.once('error', reject).once('exit', (code) => reject(new Error(`${script} ended with ${code}`)));
  });
}

async function measure(audited, connections, sidecar) {
  const spool = mkdtempSync(join(tmpdir(), 'audit-bench-'));
  const app = await start('app.mjs', { AUDITED: audited ? '1' : '0', ARCHIVER_URL: sidecar, ARCHIVER_SPOOL_DIR: spool });
  const load = await start('load.mjs', { URL: `http://127.0.0.1:${app.line}`, CONNECTIONS: connections, SECONDS });
  app.child.kill();
  rmSync(spool, { recursive: true, force: true });
  return JSON.parse(load.line);
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

const fake = ARCHIVER_URL === undefined ? await start('sidecar.mjs', {}) : undefined;
const sidecar = ARCHIVER_URL ?? `http://127.0.0.1:${fake.line}`;
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
    console.log(`  ${name.padEnd(8)} ${of(name, 'rate').toFixed(0).padStart(6)} requests/s   p50 ${of(name, 'p50').toFixed(2)} ms   p99 ${of(name, 'p99').toFixed(2)} ms`);
  }
  const cost = (1 - of('audited', 'rate') / of('plain', 'rate')) * 100;
  console.log(`  cost     ${cost.toFixed(1).padStart(6)} % of requests/s   p50 +${(of('audited', 'p50') - of('plain', 'p50')).toFixed(2)} ms`);
}
fake?.child.kill();
