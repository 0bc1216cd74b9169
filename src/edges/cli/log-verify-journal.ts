/**
 * The journal's part of `log verify`: every group of every file. What does not match is damage where the group was durable;
 * in what was written last it may as well be torn: bytes that are wrong in many places speak for that, and of one single
 * place nobody can tell. Behind a torn group nothing counts, as for a start.
 */

import { type Entry, readEntry } from '../../log/entry.ts';
import { readHeader } from '../../log/group.ts';
import { firstNonZero, UNCLEAR } from '../../log/inspect.ts';
import { type GroupFault, type GroupView, inspectGroup, Journaled, stretchesOf } from '../../log/inspect-journal.ts';
import { JOURNAL_FOLDER, type JournalName, journalPath, parseJournalName } from '../../log/paths.ts';
import { BLOCK_BYTES } from '../../model/limits.ts';
import type { Verification } from './log-verification.ts';

/** The groups that one shard wrote, under one number of shards: their numbers rise by one. */
interface Chain {
  /** Groups up to this one were durable, as far as later ones tell. */
  durable: number;
  last: number;
  /** Where the last group ended. */
  file: string;
  end: number;
}

/** What did not match in a place that may be torn or damaged, until it is known what was durable. */
interface Suspect {
  readonly chain: string;
  readonly file: string;
  /** Number of the group that is hit. */
  readonly number: number;
  readonly faults: readonly GroupFault[];
  /** Groups are missing as a whole: no flipped bit does that. */
  readonly hole: boolean;
}

export async function verifyJournal(verification: Verification): Promise<Journaled> {
  const walk = new JournalWalk(verification);
  for (const name of journalNames(verification)) await walk.file(name);
  walk.reportSuspects();
  walk.noteEntries();
  return walk.journaled;
}

/** Files of the journal by sequence; others in its folder are reported. */
function journalNames({ files, report }: Verification): JournalName[] {
  const names: JournalName[] = [];
  for (const { path } of files) {
    if (!path.startsWith(`${JOURNAL_FOLDER}/`)) continue;
    const base = path.slice(JOURNAL_FOLDER.length + 1);
    const name = parseJournalName(base);
    if (name !== null) names.push(name);
    else if (base.endsWith('.damaged'))
      report({ kind: 'damage', file: path, position: 0, what: 'was set aside by the node: it has damaged groups' });
    else report({ kind: 'note', file: path, position: 0, what: 'is no file of the journal' });
  }
  return names.sort((one, other) => one.sequence - other.sequence);
}

class JournalWalk {
  readonly journaled = new Journaled();
  readonly #verification: Verification;
  readonly #chains = new Map<string, Chain>();
  /** What every group holds, in the order of the files. */
  readonly #read: { readonly chain: string; readonly number: number; readonly entries: readonly Entry[] }[] = [];
  #suspects: Suspect[] = [];

  constructor(verification: Verification) {
    this.#verification = verification;
  }

  async file(name: JournalName): Promise<void> {
    const { reader, crc32c, count } = this.#verification;
    const file = journalPath(name.shard, name.sequence);
    const bytes = await reader.whole(file);
    /** The chain of the file's groups; unknown until the first one was read. */
    let chain: string | null = null;
    let lost: { at: number; end: number } | null = null;
    let previous = -1;
    for (const stretch of stretchesOf(bytes, name.sequence, crc32c)) {
      if (stretch.kind === 'group') {
        if (previous < 0) this.#giveUp(chainOf(stretch.group), stretch.group.header.number);
        if (previous >= 0 || lost !== null) this.#reportJump(file, stretch.group, previous, lost);
        chain = this.#group(file, bytes, stretch.group);
        previous = stretch.group.header.number;
        lost = null;
      } else if (stretch.kind === 'lost') lost = stretch;
      else if (firstNonZero(bytes.subarray(stretch.at)) >= 0) count('bytesUncovered', bytes.length - stretch.at);
    }
    if (chain === null && bytes.length > 0) this.#unread(file, bytes);
  }

  /** A file that begins with a number that an older one has took over there: the older file had failed. */
  #giveUp(chain: string, from: number): void {
    this.#suspects = this.#suspects.filter((suspect) => suspect.chain !== chain || suspect.number < from);
  }

  /** Groups of one file follow each other: in number, and without bytes in between. */
  #reportJump(file: string, group: GroupView, previous: number, lost: { at: number; end: number } | null): void {
    const { number } = group.header;
    const position = lost?.at ?? group.at;
    if (lost === null && number === previous + 1) return;
    const what =
      lost === null ? `group ${previous} comes before it` : `${lost.end - lost.at} bytes before it cannot be read`;
    // The first that is missing says what is lost; at the beginning of a file nobody knows which that was.
    const hole = previous >= 0;
    const missing = hole ? previous + 1 : number - 1;
    this.#suspects.push({ chain: chainOf(group), file, number: missing, faults: [{ position, what }], hole });
  }

  #group(file: string, bytes: Uint8Array, group: GroupView): string {
    const { number, durable } = group.header;
    const key = chainOf(group);
    const chain = this.#chains.get(key);
    const faults = inspectGroup(bytes, group, this.#verification.crc32c);
    if (faults.length > 0) this.#suspects.push({ chain: key, file, number, faults, hole: false });
    const entries = group.entries.filter(({ entryAt }) => entryAt >= 0);
    this.#read.push({ chain: key, number, entries: entries.map(({ entryAt }) => readEntry(bytes, entryAt)) });
    this.#verification.count('groups', 1);
    this.#chains.set(key, { durable: Math.max(chain?.durable ?? -1, durable), last: number, file, end: group.end });
    return key;
  }

  /** A file without a group of its own: new or about to be used again; unless its first group was torn. */
  #unread(file: string, bytes: Uint8Array): void {
    const isNew = firstNonZero(bytes.subarray(0, BLOCK_BYTES)) < 0;
    if (isNew || readHeader(bytes, 0, this.#verification.crc32c) !== null) return;
    this.#verification.report({ kind: 'torn', file, position: 0, what: 'its first group cannot be read' });
  }

  reportSuspects(): void {
    for (const suspect of this.#suspects) {
      const { file, number, faults } = suspect;
      const kind = this.#isTorn(suspect) ? 'torn' : this.#isProven(suspect) ? 'damage' : 'unclear';
      const rest = kind === 'unclear' ? `; ${UNCLEAR}` : '';
      for (const { position, entry, what } of faults) {
        const hit = entry === undefined ? {} : { partition: entry.partition, offset: entry.base, next: entry.next };
        this.#verification.report({ kind, file, position, ...hit, what: `group ${number}: ${what}${rest}` });
      }
    }
    for (const { durable, last, file, end } of this.#chains.values()) {
      if (durable <= last) continue;
      const what = `groups ${last + 1} to ${durable} were durable and are not there`;
      this.#verification.report({ kind: 'damage', file, position: end, what });
    }
  }

  #isTorn(suspect: Suspect): boolean {
    return !this.#isProven(suspect) && (suspect.hole || suspect.faults.length > 1);
  }

  /** A later group says that it was durable. */
  #isProven({ chain, number }: Suspect): boolean {
    return number <= (this.#chains.get(chain)?.durable ?? -1);
  }

  noteEntries(): void {
    const cuts = new Map<string, number>();
    for (const suspect of this.#suspects) {
      const cut = cuts.get(suspect.chain) ?? Number.POSITIVE_INFINITY;
      if (this.#isTorn(suspect)) cuts.set(suspect.chain, Math.min(cut, suspect.number));
    }
    for (const { chain, number, entries } of this.#read)
      if (number < (cuts.get(chain) ?? Number.POSITIVE_INFINITY))
        for (const entry of entries) this.journaled.note(entry);
  }
}

const chainOf = ({ header }: GroupView): string => `${header.shard}/${header.shards}`;
