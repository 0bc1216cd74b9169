/**
 * Patterns of topic names, read: the part of RE2's syntax that says which names are meant. What would make the work of a
 * match unbounded (look-around, back-references), or means nothing for a name, is refused. Runs nothing.
 */
import { failed, ok, type Result } from '../model/faults.ts';
import { PATTERN_CHARS_MAX } from '../model/limits.ts';

/** Topic names are ASCII: a set of characters is a mark for each of these. */
export const ALPHABET = 128;
export type CharSet = Uint8Array;

export type Node =
  | { readonly type: 'set'; readonly set: CharSet }
  | { readonly type: 'begin' | 'end' }
  | { readonly type: 'sequence'; readonly parts: readonly Node[] }
  | { readonly type: 'choice'; readonly parts: readonly Node[] }
  /** `most` may be Infinity. */
  | { readonly type: 'repeat'; readonly of: Node; readonly least: number; readonly most: number };

const NESTING_MAX = 50;
/** As RE2's. */
const REPEATS_MAX = 1_000;

export function parsePattern(pattern: string): Result<Node> {
  if (pattern.length > PATTERN_CHARS_MAX)
    return failed('INVALID_PATTERN', `the pattern has more than ${PATTERN_CHARS_MAX} characters`);
  return new Parser(pattern).parse();
}

const range = (from: number, to: number): CharSet => {
  const set = new Uint8Array(ALPHABET);
  set.fill(1, from, Math.min(to + 1, ALPHABET));
  return set;
};
const codeOf = (char: string): number => char.charCodeAt(0);
const inverted = (set: CharSet): CharSet => set.map((mark) => 1 - mark);
const union = (...sets: readonly CharSet[]): CharSet => {
  const all = new Uint8Array(ALPHABET);
  for (const set of sets) for (let code = 0; code < ALPHABET; code++) all[code] = (all[code] ?? 0) | (set[code] ?? 0);
  return all;
};

const DIGITS = range(codeOf('0'), codeOf('9'));
const SPACES = union(range(9, 10), range(12, 13), range(32, 32));
const WORD = union(DIGITS, range(codeOf('a'), codeOf('z')), range(codeOf('A'), codeOf('Z')), range(95, 95));
const CLASSES: ReadonlyMap<string, CharSet> = new Map([
  ['d', DIGITS],
  ['D', inverted(DIGITS)],
  ['s', SPACES],
  ['S', inverted(SPACES)],
  ['w', WORD],
  ['W', inverted(WORD)],
  ['t', range(9, 9)],
  ['n', range(10, 10)],
  ['r', range(13, 13)],
]);

/** Recursive descent. After the first refusal it reads on to nothing: the end of the pattern is put where it stands. */
class Parser {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  #anyCase = false;
  #wrong: string | null = null;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Result<Node> {
    if (this.#take('(?i)')) this.#anyCase = true;
    const node = this.#choice();
    if (this.#wrong === null && this.#at < this.#text.length) this.#refuse(`nothing opens the ) at ${this.#at}`);
    return this.#wrong === null ? ok(node) : failed('INVALID_PATTERN', this.#wrong);
  }

  #choice(): Node {
    const parts = [this.#sequence()];
    while (this.#take('|')) parts.push(this.#sequence());
    return parts.length === 1 ? (parts[0] as Node) : { type: 'choice', parts };
  }

  #sequence(): Node {
    const parts: Node[] = [];
    while (this.#wrong === null && this.#at < this.#text.length && !'|)'.includes(this.#peek()))
      parts.push(this.#repeated());
    return parts.length === 1 ? (parts[0] as Node) : { type: 'sequence', parts };
  }

  #repeated(): Node {
    const of = this.#atom();
    const bounds = this.#bounds();
    if (bounds === null) return of;
    // Greedy or not is the same where the whole name has to fit.
    this.#take('?');
    if ('*+?'.includes(this.#peek() || ' ')) this.#refuse(`a repetition of a repetition at ${this.#at}`);
    return { type: 'repeat', of, ...bounds };
  }

  #bounds(): { readonly least: number; readonly most: number } | null {
    if (this.#take('*')) return { least: 0, most: Infinity };
    if (this.#take('+')) return { least: 1, most: Infinity };
    if (this.#take('?')) return { least: 0, most: 1 };
    const counted = /^\{(\d{1,4})(,(\d{0,4}))?\}/.exec(this.#text.slice(this.#at, this.#at + 12));
    if (counted === null) return null;
    this.#at += counted[0].length;
    const least = Number(counted[1]);
    const most = counted[2] === undefined ? least : counted[3] === '' ? Infinity : Number(counted[3]);
    if (least > REPEATS_MAX || (most !== Infinity && (most > REPEATS_MAX || most < least)))
      this.#refuse(`${counted[0]} is no number of repetitions`);
    return { least, most };
  }

  #atom(): Node {
    const char = this.#next();
    if (char === '(') return this.#group();
    if (char === '[') return { type: 'set', set: this.#cased(this.#set()) };
    if (char === '.') return { type: 'set', set: inverted(range(10, 10)) };
    if (char === '^') return { type: 'begin' };
    if (char === '$') return { type: 'end' };
    if (char === '\\') return this.#escaped();
    if ('*+?'.includes(char)) this.#refuse(`nothing stands before the ${char} at ${this.#at - 1}`);
    return { type: 'set', set: this.#cased(one(char)) };
  }

  #group(): Node {
    if (this.#take('?') && !this.#take(':') && !this.#named())
      this.#refuse(`look-around and flags are not understood, at ${this.#at}`);
    if (++this.#depth > NESTING_MAX) this.#refuse(`groups are nested more than ${NESTING_MAX} deep`);
    const node: Node = this.#wrong === null ? this.#choice() : { type: 'begin' };
    this.#depth--;
    if (!this.#take(')')) this.#refuse('a group is not closed');
    return node;
  }

  #named(): boolean {
    const name = /^P?<[A-Za-z_]\w*>/.exec(this.#text.slice(this.#at));
    this.#at += name?.[0].length ?? 0;
    return name !== null;
  }

  #escaped(): Node {
    const char = this.#next();
    if (char === 'A') return { type: 'begin' };
    if (char === 'z') return { type: 'end' };
    return { type: 'set', set: this.#cased(this.#escape(char)) };
  }

  #escape(char: string): CharSet {
    const named = CLASSES.get(char);
    if (named !== undefined) return named;
    if (char === '' || /[a-zA-Z0-9]/.test(char)) this.#refuse(`\\${char} is not understood`);
    return one(char);
  }

  /** Behind the [. */
  #set(): CharSet {
    const not = this.#take('^');
    const sets: CharSet[] = [];
    // A ] that comes first is one of the set.
    for (let first = true; this.#wrong === null && (first || this.#peek() !== ']'); first = false) {
      if (this.#at >= this.#text.length || this.#text.startsWith('[:', this.#at)) this.#refuse('a set is not closed');
      else sets.push(this.#member());
    }
    this.#take(']');
    return not ? inverted(union(...sets)) : union(...sets);
  }

  #member(): CharSet {
    const from = this.#next();
    const escaped = from === '\\' ? this.#next() : from;
    const set = from === '\\' ? this.#escape(escaped) : one(from);
    if (this.#peek() !== '-' || this.#text[this.#at + 1] === ']' || CLASSES.has(from === '\\' ? escaped : ''))
      return set;
    this.#next();
    const end = this.#next();
    const to = end === '\\' ? this.#next() : end;
    if (to === '' || to < escaped) this.#refuse(`${escaped}-${to} is no range`);
    return range(codeOf(escaped), codeOf(to));
  }

  #cased(set: CharSet): CharSet {
    if (!this.#anyCase) return set;
    const both = set.slice();
    for (let upper = 65; upper <= 90; upper++) {
      both[upper] = (set[upper] ?? 0) | (set[upper + 32] ?? 0);
      both[upper + 32] = both[upper] ?? 0;
    }
    return both;
  }

  #peek(): string {
    return this.#text[this.#at] ?? '';
  }

  #next(): string {
    const char = this.#peek();
    this.#at += char.length;
    return char;
  }

  #take(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #refuse(why: string): void {
    this.#wrong ??= why;
    this.#at = this.#text.length;
  }
}

/** A character that no name has stands for nothing. */
function one(char: string): CharSet {
  return range(codeOf(char), codeOf(char));
}
