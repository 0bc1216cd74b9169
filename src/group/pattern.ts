/**
 * Patterns of topic names, run: all ways to fit are followed at once, so that the work is bounded by the length of the
 * pattern times that of the name, whatever both say. What was met before is remembered, and then it is one step a character.
 */
import { failed, ok, type Result } from '../model/faults.ts';
import { ALPHABET, type CharSet, type Node, parsePattern } from './pattern-syntax.ts';

/** One instruction; `next` are the places where it goes on. */
interface Instruction {
  readonly type: 'set' | 'split' | 'begin' | 'end' | 'fits';
  readonly set: CharSet | null;
  readonly next: number[];
}

/** A set of places where a match can stand, and where each character leads from there. */
interface Standing {
  readonly places: readonly number[];
  /** The name may end here. */
  readonly fits: boolean;
  readonly by: (Standing | undefined)[];
}

/** {3,5} and the like are written out: a short pattern can be a long program. */
const INSTRUCTIONS_MAX = 2_000;
const STANDINGS_MAX = 500;

export class Pattern {
  readonly #program: readonly Instruction[];
  readonly #start: number;
  readonly #standings = new Map<string, Standing>();

  private constructor(program: readonly Instruction[], start: number) {
    this.#program = program;
    this.#start = start;
  }

  static compile(text: string): Result<Pattern> {
    const node = parsePattern(text);
    if (!node.ok) return node;
    if (sizeOf(node.value) > INSTRUCTIONS_MAX)
      return failed('INVALID_PATTERN', `the pattern is longer than ${INSTRUCTIONS_MAX} when it is written out`);
    const program: Instruction[] = [{ type: 'fits', set: null, next: [] }];
    const start = emit(program, node.value, 0);
    return ok(new Pattern(program, start));
  }

  /** The whole name. */
  fits(name: string): boolean {
    let standing = this.#stand([this.#start], true);
    for (let at = 0; at < name.length; at++) {
      const code = name.charCodeAt(at);
      if (code >= ALPHABET || standing.places.length === 0) return false;
      standing = standing.by[code] ?? this.#step(standing, code);
    }
    return standing.fits;
  }

  #step(standing: Standing, code: number): Standing {
    const places: number[] = [];
    for (const place of standing.places) {
      const { set, next } = this.#program[place] as Instruction;
      if (set?.[code] === 1) places.push(...next);
    }
    const stepped = this.#stand(places, false);
    standing.by[code] = stepped;
    return stepped;
  }

  #stand(places: readonly number[], atBegin: boolean): Standing {
    const reached = this.#reach(places, atBegin, false);
    const key = `${atBegin}:${reached.join()}`;
    const known = this.#standings.get(key);
    if (known !== undefined) return known;
    if (this.#standings.size >= STANDINGS_MAX) this.#standings.clear();
    const fits = this.#reach(reached, atBegin, true).includes(0);
    const standing: Standing = { places: reached, fits, by: new Array<Standing | undefined>(ALPHABET) };
    this.#standings.set(key, standing);
    return standing;
  }

  /** All places that can be reached without a character, sorted. */
  #reach(from: readonly number[], atBegin: boolean, atEnd: boolean): number[] {
    const seen = new Set<number>(from);
    for (const place of seen) {
      const { type, next } = this.#program[place] as Instruction;
      if (type === 'split' || (type === 'begin' && atBegin) || (type === 'end' && atEnd))
        for (const each of next) seen.add(each);
    }
    return [...seen].sort((a, b) => a - b);
  }
}

/** Instructions that a node is written out to. */
function sizeOf(node: Node): number {
  switch (node.type) {
    case 'set':
    case 'begin':
    case 'end':
      return 1;
    case 'repeat':
      return (sizeOf(node.of) + 1) * Math.max(1, node.most === Infinity ? node.least + 1 : node.most);
    case 'sequence':
    case 'choice':
      return node.parts.reduce((sum, part) => sum + sizeOf(part), 1);
    default:
      return node satisfies never;
  }
}

/** Writes a node in front of what comes behind it. @returns where it begins. */
function emit(program: Instruction[], node: Node, next: number): number {
  switch (node.type) {
    case 'set':
      return program.push({ type: 'set', set: node.set, next: [next] }) - 1;
    case 'begin':
    case 'end':
      return program.push({ type: node.type, set: null, next: [next] }) - 1;
    case 'sequence':
      return node.parts.reduceRight((behind, part) => emit(program, part, behind), next);
    case 'choice': {
      const starts = node.parts.map((part) => emit(program, part, next));
      return program.push({ type: 'split', set: null, next: starts }) - 1;
    }
    case 'repeat':
      return emitRepeat(program, node, next);
    default:
      return node satisfies never;
  }
}

function emitRepeat(program: Instruction[], node: Extract<Node, { readonly type: 'repeat' }>, next: number): number {
  let start = next;
  if (node.most === Infinity) {
    const loop: Instruction = { type: 'split', set: null, next: [next] };
    start = program.push(loop) - 1;
    loop.next.push(emit(program, node.of, start));
  } else {
    for (let extra = node.least; extra < node.most; extra++) {
      const inside = emit(program, node.of, start);
      start = program.push({ type: 'split', set: null, next: [inside, next] }) - 1;
    }
  }
  for (let each = 0; each < node.least; each++) start = emit(program, node.of, start);
  return start;
}
