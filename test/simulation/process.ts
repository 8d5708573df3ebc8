import type { Clock, Spooled } from "../../src/keeper/ports.ts";
import type { World } from "./world.ts";

/** When the simulated time begins, as a wall clock that is right shows it. */
export const START = Date.UTC(2026, 10, 23, 12);

/** A machine: its two clocks, its sleep, and its disk, which outlives the processes on it. */
export class Machine {
  readonly id: number;
  /** Files of the spool: what is on disk here, by id, oldest first. */
  readonly spool = new Map<string, Spooled>();
  readonly processes: Process[] = [];
  /** How far this wall clock is ahead of the right time, in ms. */
  offset: number;
  /** True time at which its clocks last did anything but go on. */
  movedAt = -1;
  readonly #world: World;
  #asleepSince: number | null = null;
  #slept = 0;

  constructor(world: World, id: number, offset: number) {
    this.#world = world;
    this.id = id;
    this.offset = offset;
  }

  wall(): number {
    return Math.floor(START + this.#world.now() + this.offset);
  }

  /** Stands still while the machine sleeps. */
  monotonic(): number {
    return (this.#asleepSince ?? this.#world.now()) - this.#slept;
  }

  get isAsleep(): boolean {
    return this.#asleepSince !== null;
  }

  sleepUntil(time: number): void {
    if (this.isAsleep) return;
    this.#asleepSince = this.#world.now();
    this.#world.at(time, () => {
      this.#slept += this.#world.now() - (this.#asleepSince ?? 0);
      this.#asleepSince = null;
      for (const process of this.processes) process.goOn();
    });
  }
}

/** What happens to a process at the nth await from now. */
interface Fate {
  awaits: number;
  readonly act: () => void;
}

/** One of its own for each: what waits for a single one for all would be kept until the last seed has ended. */
function never(): Promise<never> {
  return new Promise(() => undefined);
}

/** A keeper's process, from its start to its end. What it awaits when it ends never comes. */
export class Process {
  readonly owner: string;
  readonly machine: Machine;
  isDead = false;
  /** True time since when it has run without a break. */
  steadySince: number;
  #isStopped = false;
  #held: (() => void)[] = [];
  #fate: Fate | null = null;
  readonly #world: World;

  constructor(world: World, machine: Machine, number: number) {
    this.#world = world;
    this.machine = machine;
    this.owner = `m${machine.id}/p${number}`;
    this.steadySince = world.now();
    machine.processes.push(this);
  }

  get runs(): boolean {
    return !this.isDead && !this.#isStopped && !this.machine.isAsleep;
  }

  /** SIGKILL: nothing of it goes on. */
  kill(): void {
    this.isDead = true;
    this.#held = [];
    this.#fate = null;
    this.machine.processes.splice(this.machine.processes.indexOf(this), 1);
  }

  /** SIGSTOP until a time: nothing of it runs, its clocks go on. */
  stopUntil(time: number): void {
    if (this.isDead || this.#isStopped) return;
    this.#isStopped = true;
    this.#world.at(time, () => {
      this.#isStopped = false;
      this.goOn();
    });
  }

  goOn(): void {
    if (!this.runs) return;
    this.steadySince = this.#world.now();
    const held = this.#held;
    this.#held = [];
    for (const work of held) this.#world.at(this.#world.now(), () => this.whenRunning(work));
  }

  /** Now, or when it runs again, or never. */
  whenRunning(work: () => void): void {
    if (this.isDead) return;
    if (this.runs) work();
    else this.#held.push(work);
  }

  /** At the nth await from now something happens to it. */
  fated(awaits: number, act: () => void): void {
    this.#fate = { awaits, act };
  }

  /** A point at which a process can be stopped or ended from outside. */
  point(): void {
    const fate = this.#fate;
    if (fate === null || --fate.awaits > 0) return;
    this.#fate = null;
    fate.act();
  }

  /** Every effect of a keeper goes through here: before and after it the process may end or be stopped. */
  async effect<T>(work: () => Promise<T>): Promise<T> {
    this.point();
    if (!this.runs) await this.#running();
    try {
      return await work();
    } finally {
      this.point();
      if (!this.runs) await this.#running();
    }
  }

  #running(): Promise<void> {
    if (this.isDead) return never();
    return new Promise((resolve) => this.whenRunning(resolve));
  }

  /** Goes off when the monotonic clock has moved on by `ms` and the process runs. */
  timer(ms: number, work: () => void): () => void {
    const deadline = this.machine.monotonic() + ms;
    let isOff = false;
    const fire = (): void => {
      if (isOff) return;
      const left = deadline - this.machine.monotonic();
      if (left > 0.001) this.#world.at(this.#world.now() + left, () => this.whenRunning(fire));
      else work();
    };
    this.#world.at(this.#world.now() + Math.max(0, ms), () => this.whenRunning(fire));
    return () => {
      isOff = true;
    };
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.timer(ms, resolve));
  }

  clock(): Clock {
    return {
      now: () => this.machine.wall(),
      monotonic: () => this.machine.monotonic(),
      sleep: (ms) => this.effect(() => this.sleep(ms)),
      alarm: (ms, work) => this.timer(ms, work),
    };
  }
}
