/** What a scenario is given, and what it is. */
import type { TestNode } from '../../node/harness.ts';
import type { Client } from './clients.ts';
import type { Driver } from './driver.ts';

export interface Stage {
  readonly node: TestNode;
  readonly client: Client;
  /** A driver of the client, ended with the scenario. */
  start(client?: Client, broker?: string): Driver;
  /** What is to be known of how it came out; stands in the table. */
  remark(words: string): void;
  /** A name that nobody else has. */
  readonly topic: string;
}

export interface Scenario {
  readonly name: string;
  play(stage: Stage): Promise<void>;
}
