/** Who is measured against whom just now: candidates that stay from series to series, and one generator for all of them. */
import { Candidate, type CandidateName, type CandidateOptions } from './candidate.ts';
import { Generator } from './load.ts';

/** Which of them: shards count where it is a broker. */
export interface Entrant {
  readonly name: CandidateName;
  readonly shards: number;
}

export class Field {
  readonly #options: CandidateOptions;
  readonly #candidates = new Map<string, Candidate>();
  #generator = new Generator();

  constructor(options: CandidateOptions) {
    this.#options = options;
  }

  get generator(): Generator {
    return this.#generator;
  }

  /** Started when it is first asked for. */
  async candidate({ name, shards }: Entrant): Promise<Candidate> {
    const key = name === 'ceiling' ? name : `${name}, ${shards}`;
    const known = this.#candidates.get(key);
    if (known !== undefined) return known;
    const candidate = new Candidate(name, { ...this.#options, shards });
    this.#candidates.set(key, candidate);
    await candidate.start();
    return candidate;
  }

  /** The next one that is asked for starts anew, on an empty folder. */
  async clear(): Promise<void> {
    const candidates = [...this.#candidates.values()];
    this.#candidates.clear();
    await this.#generator.end();
    this.#generator = new Generator();
    for (const candidate of candidates) await candidate.dispose();
  }
}
