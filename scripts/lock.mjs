/**
 * One at a time, over all processes that share this folder. The lock is a directory holding one file named
 * after its owner's process id. It appears by a rename, which succeeds only where there is none or an empty
 * one, so it is never seen half made; and a dead owner's file is removed by its name, so that two processes
 * clearing up at once cannot remove the lock that one of them has just taken.
 */
import { mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 50;
const GIVE_UP_MS = 10 * 60_000;

let taken = 0;

/** Runs `work` while holding the lock `directory`, waiting for whoever holds it now. */
export async function withLock(directory, work) {
  const owner = `${process.pid}-${Date.now()}-${++taken}`;
  const deadline = Date.now() + GIVE_UP_MS;
  while (!tryTake(directory, owner)) {
    clearAbandoned(directory);
    if (Date.now() > deadline) {
      throw new Error(`Waited ten minutes for ${directory}. If nothing else is running here, remove it.`);
    }
    await sleep(POLL_MS);
  }
  try {
    return await work();
  } finally {
    ignoring(["ENOENT"], () => unlinkSync(join(directory, owner)));
    removeIfEmpty(directory);
  }
}

function tryTake(directory, owner) {
  const prepared = `${directory}.${owner}`;
  mkdirSync(prepared, { recursive: true });
  writeFileSync(join(prepared, owner), "");
  try {
    renameSync(prepared, directory);
    return true;
  } catch (error) {
    rmSync(prepared, { recursive: true, force: true });
    // Windows answers EPERM where others say ENOTEMPTY or EEXIST.
    if (["ENOTEMPTY", "EEXIST", "EPERM", "EACCES"].includes(error.code)) return false;
    throw error;
  }
}

function clearAbandoned(directory) {
  const owners = ignoring(["ENOENT"], () => readdirSync(directory)) ?? [];
  for (const owner of owners) {
    if (!isAlive(Number.parseInt(owner, 10))) {
      ignoring(["ENOENT"], () => unlinkSync(join(directory, owner)));
    }
  }
  removeIfEmpty(directory);
}

function removeIfEmpty(directory) {
  ignoring(["ENOENT", "ENOTEMPTY", "EEXIST", "EPERM"], () => rmdirSync(directory));
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

function ignoring(codes, action) {
  try {
    return action();
  } catch (error) {
    if (codes.includes(error.code)) return undefined;
    throw error;
  }
}
