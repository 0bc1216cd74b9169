/**
 * What the command line is handed by main, because an edge may not know it: how a node is started, which settings there
 * are, and the process around it. Interfaces only.
 */
import type { Readable, Writable } from 'node:stream';

/** One setting, as help texts show it. */
export interface SettingText {
  readonly key: string;
  readonly flag: string;
  readonly environment: string;
  readonly description: string;
  readonly allowed: string;
  readonly defaultText: string;
  /** The flag needs no value. */
  readonly isSwitch: boolean;
}

/** One setting as it is in force. */
export interface SettingInForce {
  readonly key: string;
  readonly value: unknown;
  /** The value as a person would write it. */
  readonly text: string;
  readonly from: 'default' | 'file' | 'environment' | 'flag';
  /** `default`, `callboard.yaml:3`, an environment name, or a flag. */
  readonly where: string;
}

/** Flags of `start` and `config`, as they were given. */
export interface StartFlags {
  /** By key of the setting. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** The settings file that was named. */
  readonly config?: string;
}

interface Place {
  readonly host: string;
  readonly port: number;
}

/** A node that serves. */
export interface RunningNode {
  readonly native: Place;
  /** Null: no Kafka clients are served. */
  readonly kafka: Place | null;
  readonly admin: Place;
  readonly shards: number;
  /** Absolute. */
  readonly folder: string;
  /** How the disk is written: past the page cache, or through it where the file system asks for that. */
  readonly storage: 'direct' | 'buffered';
  /** Defaults of new topics: what an ack promises. */
  readonly engine: 'local' | 'memory';
  readonly durability: 'fsync' | 'interval';
  readonly flushIntervalMs: number;
  /** Drains and closes: admission closed, in-flight answered, files closed. */
  stop(): Promise<void>;
  /** When the node has ended: why, where that was not asked for. */
  readonly ended: Promise<Error | null>;
}

/** The process around a command. */
export interface Console {
  readonly input: Readable & { readonly isTTY?: boolean };
  readonly output: Writable & { readonly isTTY?: boolean };
  readonly errors: Writable & { readonly isTTY?: boolean };
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Calls `run` for each Ctrl-C or SIGTERM, until the answer is called. */
  onInterrupt(run: () => void): () => void;
  /** Ends the process at once. */
  exit(code: number): void;
}

export interface Doors {
  readonly version: string;
  readonly settings: readonly SettingText[];
  /** @throws an error whose `problems` say what is wrong with the settings. */
  settingsInForce(flags: StartFlags): Promise<readonly SettingInForce[]>;
  /** Which process has a data folder in use; `dead` when none has, null when it does not say. */
  holderOf(folder: string): Promise<{ readonly pid: number } | null | 'dead'>;
  /** @throws as settingsInForce, and when the node cannot start. */
  startNode(flags: StartFlags): Promise<RunningNode>;
}
