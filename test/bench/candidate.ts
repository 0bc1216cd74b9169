/** What is measured: the broker or the ceiling, with the flags they are started with; it has started when it answers hello. */
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { msgpack } from '../../src/edges/client/msgpack.ts';
import { encodeHello } from '../../src/protocols/native/codec.ts';
import { freePort } from '../node/harness.ts';
import { Measured } from './measured.ts';

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const ROOT = here('../..');
const POLL_MS = 2;
/** The broker's own choice, which the ceiling is given, too. */
const FILE_THREADS = String(Math.min(64, Math.max(8, 4 * availableParallelism())));

/** `other`: the broker of another checkout, to see what a change brings. */
export type CandidateName = 'broker' | 'ceiling' | 'other';

export interface CandidateOptions {
  /** Where folders are made. */
  readonly below: string;
  readonly shards: number;
  /** Options of Node itself, such as --cpu-prof. */
  readonly nodeFlags?: readonly string[];
  /** Root of the other checkout. */
  readonly otherRoot?: string;
  /** More flags of the broker's start. */
  readonly flags?: readonly string[];
}

export class Candidate extends Measured<CandidateName> {
  readonly #options: CandidateOptions;

  constructor(name: CandidateName, options: CandidateOptions) {
    super(name, options.below);
    this.#options = options;
  }

  /** @returns ms from the start of the process until it answers hello. */
  async start(): Promise<number> {
    this.port = await freePort();
    const { shards, otherRoot, nodeFlags = [], flags = [] } = this.#options;
    const root = this.name === 'other' && otherRoot !== undefined ? otherRoot : ROOT;
    const bin = join(root, 'bin/callboard.js');
    // Commits of before there was a listener for Kafka clients know no such setting.
    const kafka = existsSync(join(root, 'src/protocols/kafka/session.ts')) ? ['--kafka-port', '0'] : [];
    const ports = ['--native-port', String(this.port), '--admin-port', '0', ...kafka];
    const command =
      this.name === 'ceiling'
        ? [here('ceiling.ts'), JSON.stringify([this.port, this.folder])]
        : [bin, 'start', '--data', this.folder, ...ports, '--shards', String(shards), '--log-level', 'warn', ...flags];
    return await this.run({
      program: process.execPath,
      args: [...nodeFlags, ...command],
      env: { ...process.env, UV_THREADPOOL_SIZE: FILE_THREADS },
      answers: () => answersHello(this.port),
      pollMs: POLL_MS,
    });
  }

  /** The ceiling has nothing to put in order. */
  override stop(signal: 'SIGTERM' | 'SIGKILL' = this.name === 'ceiling' ? 'SIGKILL' : 'SIGTERM'): Promise<boolean> {
    return super.stop(signal);
  }
}

const [HELLO = new Uint8Array(0)] = encodeHello(msgpack, 1, { versions: [1], client: 'bench', features: [] });

function answersHello(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write(HELLO));
    socket.once('data', () => socket.destroy());
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(socket.bytesRead > 0));
  });
}
