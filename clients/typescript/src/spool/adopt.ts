import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';

import { hasCode } from '../errors.js';
import { folderName, isHeld, type Owner } from './owner.js';

const adoptedPrefix = 'adopted-';

/**
 * Moves the folders of processes that have ended into ours. A rename is atomic: of
 * two who try, one wins. Were we to die on any line, whoever adopts our folder has
 * theirs with it. Returns the paths of all folders that ours holds, oldest first;
 * one that cannot be moved is reported and does not keep the others back.
 */
export async function adoptOrphans(root: string, own: Owner, report: (error: Error) => void): Promise<string[]> {
  for (const name of await readdir(root)) {
    if (!folderName.test(name) || name === own.name || (await isHeld(join(root, name)))) {
      continue;
    }
    try {
      await rename(join(root, name), join(own.dir, adoptedPrefix + name.slice('ts-'.length)));
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) {
        report(error as Error);
      } // else another process was quicker
    }
  }
  for (const name of await adoptedIn(own.dir)) {
    await flatten(join(own.dir, name), own.dir);
  }
  return (await adoptedIn(own.dir)).map((name) => join(own.dir, name));
}

/** Names of the adopted folders in a folder. They hold UUIDs of version 7, so they sort by age. */
async function adoptedIn(dir: string): Promise<string[]> {
  return (await readdir(dir)).filter((name) => name.startsWith(adoptedPrefix)).sort();
}

/**
 * Moves what an adopted folder had adopted beside it, so that paths do not grow with
 * the number of crashes.
 */
async function flatten(dir: string, into: string): Promise<void> {
  for (const name of await adoptedIn(dir)) {
    await rename(join(dir, name), join(into, name));
    await flatten(join(into, name), into);
  }
}
