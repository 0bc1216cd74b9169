/**
 * A client in a process of its own, driven by lines: one JSON object says what to do, one answers. A driver that does not
 * answer in time is killed, and so is one that is to crash.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Message, Stored } from '../kafka/message.ts';

const ANSWER_MS_MAX = 560_000;

/** What drivers are asked; each kind of answer stands beside it. */
export interface Jobs {
  produce: { readonly job: Produce; readonly done: null };
  transact: { readonly job: Transact; readonly done: null };
  move: { readonly job: Move; readonly done: { readonly lives: number } };
  read: { readonly job: Read; readonly done: readonly Stored[] };
  join: { readonly job: Join; readonly done: null };
  seen: { readonly job: object; readonly done: Seen };
  commit: { readonly job: object; readonly done: null };
  leave: { readonly job: object; readonly done: null };
  createTopic: { readonly job: { readonly topic: string; readonly partitions: number }; readonly done: null };
  growTopic: { readonly job: { readonly topic: string; readonly partitions: number }; readonly done: null };
  alterTopic: { readonly job: { readonly topic: string; readonly retention: string }; readonly done: null };
  describeTopic: { readonly job: { readonly topic: string }; readonly done: TopicShown };
  deleteTopic: { readonly job: { readonly topic: string }; readonly done: null };
  groups: { readonly job: object; readonly done: readonly string[] };
}

export interface Produce {
  readonly topic: string;
  readonly partition: number;
  readonly codec: string;
  /** 0, 1, or -1 for all. */
  readonly acks: number;
  readonly idempotent: boolean;
  readonly messages: readonly Message[];
  /** Between two messages. */
  readonly pauseMs?: number;
}

export interface Transact {
  readonly id: string;
  readonly topic: string;
  readonly partition: number;
  readonly messages: readonly Message[];
  readonly commit: boolean;
}

/** Consume, transform, produce, in transactions; done when, after something has come, nothing more has for so many looks. */
export interface Move {
  readonly id: string;
  readonly group: string;
  readonly source: string;
  readonly to: string;
  readonly quietLooks: number;
}

export interface Read {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly count: number;
  /** Only what was committed. */
  readonly committed?: boolean;
}

export type GroupKind = 'range' | 'cooperative' | 'consumer';

export interface Join {
  readonly group: string;
  readonly topic: string;
  /** Two assignors of the classic protocol, or the consumer protocol of KIP-848. */
  readonly kind: GroupKind;
  /** Of a static member. */
  readonly instance: string | null;
}

export interface Seen {
  readonly assigned: readonly number[];
  readonly values: readonly string[];
}

export interface TopicShown {
  readonly partitions: number;
  readonly retention: string;
}

/** The client has no such thing: no fault of the node's. */
export class Unsupported extends Error {}

/** However this process ends, none of them outlives it. */
const running = new Set<ChildProcessByStdio<Writable, Readable, Readable>>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class Driver {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #waiting: ((line: string | null) => void)[] = [];
  readonly #exited: Promise<void>;
  #errors = '';

  constructor([program = '', ...args]: readonly string[], broker: string) {
    const child = spawn(program, [...args, broker], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    running.add(child);
    child.stdin.on('error', () => child.stdin.destroy());
    child.stderr.on('data', (text: Buffer) => {
      this.#errors = (this.#errors + text.toString()).slice(-2_000);
    });
    createInterface(child.stdout).on('line', (line) => this.#waiting.shift()?.(line));
    this.#exited = new Promise((resolve) =>
      child.once('close', () => {
        running.delete(child);
        for (const answer of this.#waiting.splice(0)) answer(null);
        resolve();
      }),
    );
  }

  async ask<K extends keyof Jobs>(what: K, job: Jobs[K]['job']): Promise<Jobs[K]['done']> {
    const late = setTimeout(() => this.#child.kill('SIGKILL'), ANSWER_MS_MAX);
    const line = await new Promise<string | null>((resolve) => {
      this.#waiting.push(resolve);
      this.#child.stdin.write(`${JSON.stringify({ do: what, ...job })}\n`);
    });
    clearTimeout(late);
    if (line === null) throw new Error(`the driver ended at ${what}: ${this.#errors}`);
    const answer = JSON.parse(line) as { done?: Jobs[K]['done']; error?: string; unsupported?: string };
    if (answer.unsupported !== undefined) throw new Unsupported(answer.unsupported);
    if (answer.error !== undefined) throw new Error(`${what}: ${answer.error}`);
    return answer.done ?? (null as Jobs[K]['done']);
  }

  /** As a power switch for the client. */
  async crash(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}
