// The package as it is published: packed, installed into an empty project without a
// network, with the README's own code.
import assert from 'node:assert/strict';
import { execFile, type ExecFileException } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

import { folders, scratch, sidecar } from './helpers.mjs';

const home = fileURLToPath(new URL('..', import.meta.url));

/** Runs a program, and resolves with what it printed; on failure the error has it. */
function run(file: string, args: string[], cwd: string, env: Record<string, string> = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(file, args, { cwd, env: { ...process.env, ...env } }, (error: ExecFileException | null, stdout, stderr) => {
      if (error !== null) {
        error.message += `\n${stdout}${stderr}`;
        reject(error);
      } else {
        resolve(stdout);
      }
    });
  });
}

/** The README's blocks of TypeScript. */
function snippets(): string[] {
  const readme = readFileSync(join(home, 'README.md'), 'utf8');
  return [...readme.matchAll(/```ts\n(.*?)```/gs)].map((m) => m[1] as string);
}

async function install(t: TestContext): Promise<string> {
  const dir = scratch(t);
  // Built already: a test that runs beside this one must not see dist vanish.
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', dir], home);
  const [tarball = ''] = readdirSync(dir);
  writeFileSync(join(dir, 'package.json'), '{"name":"empty","private":true}');
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', `./${tarball}`], dir);
  assert.deepEqual(readdirSync(join(dir, 'node_modules')).filter((n) => !n.startsWith('.')), ['@audit-archiver'], 'it has dependencies');
  return dir;
}

test('packed and installed: the README runs as ESM and CommonJS, and its types are strict', async (t) => {
  const dir = await install(t);
  const fake = await sidecar(t);
  const spool = join(dir, 'spool');
  const env = { ARCHIVER_URL: fake.url, ARCHIVER_SPOOL_DIR: spool };
  const [first = ''] = snippets();

  writeFileSync(join(dir, 'app.mjs'), first);
  await run(process.execPath, ['app.mjs'], dir, env);
  assert.deepEqual(fake.events.map((e) => e.action), ['user.delete', 'order.read']);

  const commonjs = first.replace(/^import (.*) from (.*);$/m, 'const $1 = require($2);');
  assert.match(commonjs, /^const \{ AuditClient \} = require\(/);
  writeFileSync(join(dir, 'app.cjs'), `(async () => {\n${commonjs}\n})();\n`);
  await run(process.execPath, ['app.cjs'], dir, env);
  assert.equal(fake.events.length, 4);
  assert.deepEqual(folders(spool), []);

  // One copy of each class in a process, however it was loaded.
  writeFileSync(
    join(dir, 'both.mjs'),
    `import { createRequire } from 'node:module';
     import * as esm from '@audit-archiver/client';
     import * as testing from '@audit-archiver/client/testing';
     const cjs = createRequire(import.meta.url)('@audit-archiver/client');
     for (const name of ['AuditClient', 'AuditError', 'AuditRejected', 'AuditConflict', 'AuditUnavailable', 'AuditSpoolFull', 'AuditClosed']) {
       if (typeof esm[name] !== 'function' || esm[name] !== cjs[name]) throw new Error(name);
     }
     if (!(new testing.AuditRecorder() instanceof esm.Audit)) throw new Error('Audit');`,
  );
  await run(process.execPath, ['both.mjs'], dir);
});

test('every block of the README passes tsc --strict, for import and require', async (t) => {
  const dir = await install(t);
  // What an application has beside the package: Express, Fastify, types.
  for (const name of readdirSync(join(home, 'node_modules')).filter((n) => !n.startsWith('.'))) {
    symlinkSync(join(home, 'node_modules', name), join(dir, 'node_modules', name));
  }
  mkdirSync(join(dir, 'src'));
  const blocks = snippets();
  assert.ok(blocks.length >= 6);
  blocks.forEach((block, i) => writeFileSync(join(dir, 'src', `block${i}.mts`), block));
  // As CommonJS: import is written the same, await only inside of functions.
  writeFileSync(
    join(dir, 'src', 'app.cts'),
    `import { AuditClient, AuditRejected } from '@audit-archiver/client';
     import { auditMiddleware } from '@audit-archiver/client/express';
     import { auditPlugin } from '@audit-archiver/client/fastify';
     import { AuditRecorder, FakeSidecar } from '@audit-archiver/client/testing';
     export const all = [AuditClient, AuditRejected, auditMiddleware, auditPlugin, AuditRecorder, FakeSidecar];
     // @ts-expect-error: the outcome is missing
     void new AuditRecorder().record({ action: 'a', resource: { type: 'r' } });
     // @ts-expect-error: names of the wire
     void new AuditRecorder().record({ action: 'a', resource: { type: 'r' }, outcome: 'success', userAgent: 'x' });`,
  );
  const files = readdirSync(join(dir, 'src')).map((name) => join('src', name));
  await run(join(home, 'node_modules', '.bin', 'tsc'), ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext', '--types', 'node', ...files], dir);
});
