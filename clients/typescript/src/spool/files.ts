import * as fs from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

// Promises over plain file descriptors: a FileHandle that is collected closes its
// descriptor, and ours are owned by objects that say when.

export function openFile(path: string, flags: string | number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(path, flags, (error, fd) => (error ? reject(error) : resolve(fd)));
  });
}

export function closeFile(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.close(fd, (error) => (error ? reject(error) : resolve()));
  });
}

/** fsync, for folders. */
export function syncFile(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fsync(fd, (error) => (error ? reject(error) : resolve()));
  });
}

/** fdatasync, for files: what is in them, and their length. */
export function syncData(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fdatasync(fd, (error) => (error ? reject(error) : resolve()));
  });
}

/** Reads into buffer, as much as fits, from a position in the file. */
export function readAt(fd: number, buffer: Buffer, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, buffer, 0, buffer.length, position, (error, n) => (error ? reject(error) : resolve(n)));
  });
}

/** Opens a folder, to sync it or to reach what is in it. */
export function openFolder(path: string): Promise<number> {
  return openFile(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
}

/** Syncs a folder: names that were made, moved or removed in it survive a power failure. */
export async function syncFolder(path: string): Promise<void> {
  const fd = await openFolder(path);
  try {
    await syncFile(fd);
  } finally {
    await closeFile(fd);
  }
}

/** Makes a folder and its parents, each `0700`, and syncs what it made. */
export async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  if (first === undefined) {
    return;
  }
  for (let made = path; ; made = dirname(made)) {
    await syncFolder(dirname(made));
    if (made === first || made === dirname(made)) {
      return;
    }
  }
}
