import { existsSync, mkdirSync } from 'node:fs';
import { readdir, rename, rmdir, stat, unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';

import { hasCode } from '../errors.js';
import { IdSource } from '../uuid.js';
import { closeFile, openFolder, syncFolder } from './files.js';

// Node has no flock. A folder is held by a Unix socket in it on which its process
// listens: the kernel stops listening when the process ends, however it ends. So
// whoever can connect knows that the owner lives, and nobody ever holds a folder
// that another one made: once dead, a folder stays dead.

/** A folder of this package that holds events. */
export const folderName = /^ts-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const socketName = 'owner.sock';
const unfinishedPrefix = '.new-';
const unfinishedMs = 60 * 1000;

/** A folder that this client made and holds until {@link Owner.release}. */
export class Owner {
  readonly name: string;
  readonly dir: string;
  readonly fd: number; // of the folder
  readonly #server: Server;

  private constructor(name: string, dir: string, fd: number, server: Server) {
    this.name = name;
    this.dir = dir;
    this.fd = fd;
    this.#server = server;
  }

  /** Makes a folder in root and holds it. */
  static async make(root: string): Promise<Owner> {
    const name = `ts-${new IdSource().next()}`;
    // Nobody adopts a folder with this name. It gets its own one when the socket
    // listens, so no folder is ever seen that looks dead and is not.
    const unfinished = join(root, unfinishedPrefix + name);
    const dir = join(root, name);
    mkdirSync(unfinished, { mode: 0o700 });
    const fd = await openFolder(unfinished);
    let server: Server | undefined;
    try {
      server = await listen(addressIn(unfinished, fd));
      await rename(unfinished, dir); // a socket is bound to the inode, not to the path
      await syncFolder(root);
    } catch (error) {
      server?.close();
      await closeFile(fd);
      throw error;
    }
    return new Owner(name, dir, fd, server);
  }

  /** Lets go of the folder: from here on it may be adopted. */
  async release(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await closeFile(this.fd); // after the server, which unlinks its socket through it
  }
}

/** Whether a folder's process lives. Also true when that cannot be found out. */
export async function isHeld(dir: string): Promise<boolean> {
  let fd: number;
  try {
    fd = await openFolder(dir);
  } catch {
    return true; // gone, or not ours to look into
  }
  try {
    return await answers(addressIn(dir, fd));
  } finally {
    await closeFile(fd);
  }
}

/** Removes the socket that a dead owner left. */
export async function removeSocket(dir: string): Promise<void> {
  await unlink(join(dir, socketName)).catch(ignoreMissing);
}

/**
 * Removes folders whose process died between making and naming them: they never
 * held an event. A young one may be about to get its name.
 */
export async function sweepUnfinished(root: string, report: (error: Error) => void, now: number = Date.now()): Promise<void> {
  for (const name of await readdir(root)) {
    const dir = join(root, name);
    if (!name.startsWith(unfinishedPrefix) || !folderName.test(name.slice(unfinishedPrefix.length))) {
      continue;
    }
    try {
      if (now - (await stat(dir)).mtimeMs > unfinishedMs && !(await isHeld(dir))) {
        await removeSocket(dir);
        await rmdir(dir);
      }
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) {
        report(error as Error);
      } // else somebody else swept
    }
  }
}

/** For a removal that another process may have been quicker with. */
export function ignoreMissing(error: unknown): void {
  if (!hasCode(error, 'ENOENT')) {
    throw error;
  }
}

/**
 * The address of the socket in a folder. The kernel takes 107 bytes at most (104
 * outside of Linux), so where there is /proc it is reached through the open folder.
 */
function addressIn(dir: string, fd: number): string {
  const through = `/proc/self/fd/${fd}`;
  if (existsSync(through)) {
    return `${through}/${socketName}`;
  }
  const address = join(dir, socketName);
  if (Buffer.byteLength(address) > 103) {
    throw new Error(`the path ${address} is too long for a socket; choose a shorter spoolDir`);
  }
  return address;
}

function listen(address: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', reject);
    // exclusive: in a cluster worker the primary would listen, and outlive us.
    server.listen({ path: address, exclusive: true }, () => {
      server.off('error', reject);
      server.on('error', () => undefined); // of an accept; it goes on listening
      server.unref();
      resolve(server);
    });
  });
}

function answers(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error) => resolve(!hasCode(error, 'ECONNREFUSED', 'ENOENT')));
  });
}
