/**
 * CPU profiles of V8 (--cpu-prof, one of each thread) → one tree of calls, and that as a flame graph (SVG) or as text.
 * Knows what a profile looks like, not who was profiled.
 */

/** What is read of a .cpuprofile; times in µs, those of samples on the machine's monotonic clock. */
export interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface Frame {
  readonly name: string;
  /** Where it stands, below the root of the project; empty for what is not JavaScript. */
  readonly place: string;
  /** µs, its callees' with it. */
  total: number;
  self: number;
  readonly callees: Map<string, Frame>;
}

export const newFrame = (name: string, place = ''): Frame => ({ name, place, total: 0, self: 0, callees: new Map() });

/** Not work: a thread that waits. */
const WAITING = '(idle)';

/** Adds what `profile` sampled between the two times to `root`, idleness left out. */
export function addProfile(root: Frame, profile: Profile, time: { readonly from: number; readonly to: number }): void {
  const paths = pathsOf(profile);
  let at = profile.startTime;
  for (const [index, id] of profile.samples.entries()) {
    const before = at;
    at += profile.timeDeltas[index] ?? 0;
    const path = paths.get(id);
    if (path === undefined || before < time.from || at > time.to || path.at(-1)?.name === WAITING) continue;
    add(root, path, at - before);
  }
}

function add(root: Frame, path: readonly Pick<Frame, 'name' | 'place'>[], micros: number): void {
  let frame = root;
  frame.total += micros;
  for (const { name, place } of path) {
    const key = `${name} ${place}`;
    const known = frame.callees.get(key) ?? newFrame(name, place);
    frame.callees.set(key, known);
    frame = known;
    frame.total += micros;
  }
  frame.self += micros;
}

/** By node: what was called, from the outermost on, the profile's own root left out. */
function pathsOf({ nodes }: Profile): Map<number, Pick<Frame, 'name' | 'place'>[]> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const paths = new Map<number, Pick<Frame, 'name' | 'place'>[]>();
  const [root] = nodes;
  const open: { readonly id: number; readonly path: Pick<Frame, 'name' | 'place'>[] }[] = [];
  if (root !== undefined) open.push({ id: root.id, path: [] });
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    paths.set(one.id, one.path);
    for (const id of byId.get(one.id)?.children ?? []) {
      const called = byId.get(id)?.callFrame;
      if (called !== undefined) open.push({ id, path: [...one.path, nameOf(called)] });
    }
  }
  return paths;
}

/** Lines count from 0 in a profile. */
function nameOf(called: Profile['nodes'][number]['callFrame']): Pick<Frame, 'name' | 'place'> {
  const name = called.functionName === '' ? 'anonymous' : called.functionName;
  if (called.url === '') return { name, place: '' };
  const [, inside] = /\/((?:src|runtime|actors|bin|node_modules)\/.*)$/.exec(called.url) ?? [];
  const place = inside ?? called.url;
  return { name, place: called.lineNumber < 0 ? place : `${place}:${called.lineNumber + 1}` };
}

const sorted = (frame: Frame): Frame[] => [...frame.callees.values()].toSorted((a, b) => b.total - a.total);
const share = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(1)} %`;

/** What is spent in each function itself, of native ones by their callers; the first `count` of them. */
export function hottest(root: Frame, count: number): string {
  const selves = new Map<string, number>();
  const open = [{ frame: root, caller: root }];
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    const { frame, caller } = one;
    const place = frame.place === '' && caller !== root ? `called by ${caller.name}  ${caller.place}` : frame.place;
    const key = place === '' ? frame.name : `${frame.name}  ${place}`;
    if (frame.self > 0) selves.set(key, (selves.get(key) ?? 0) + frame.self);
    for (const callee of frame.callees.values()) open.push({ frame: callee, caller: frame });
  }
  const lines = [...selves].toSorted(([, a], [, b]) => b - a).slice(0, count);
  return lines.map(([key, self]) => `${share(self, root.total).padStart(7)}  ${key}`).join('\n');
}

/** The tree, down to frames of `least` of all. */
export function treeText(root: Frame, least: number): string {
  const lines: string[] = [];
  const show = (frame: Frame, depth: number): void => {
    if (frame.total < least * root.total) return;
    lines.push(
      `${share(frame.total, root.total).padStart(7)} ${'  '.repeat(depth)}${frame.name}  ${frame.place}`.trimEnd(),
    );
    for (const callee of sorted(frame)) show(callee, depth + 1);
  };
  show(root, 0);
  return lines.join('\n');
}

const WIDTH = 1200;
const ROW = 16;
/** Narrower frames are left out, px. */
const LEAST_PX = 2;
const CHARACTER_PX = 6.2;

/** Who a frame belongs to, in colours that can be told apart. */
function colour({ name, place }: Frame): string {
  if (name === '(garbage collector)') return '#e06666';
  if (place.startsWith('src/')) return '#93c47d';
  if (place.startsWith('actors/')) return '#f6b26b';
  if (place.startsWith('runtime/')) return '#ffd966';
  return place === '' ? '#cccccc' : '#a4c2f4';
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Callees stand below their callers; what a box shows when it is pointed at has the place and the share. */
export function flameSvg(root: Frame, title: string): string {
  const boxes: string[] = [];
  let rows = 0;
  const draw = (frame: Frame, x: number, row: number): void => {
    const width = (WIDTH * frame.total) / root.total;
    if (width < LEAST_PX) return;
    rows = Math.max(rows, row + 1);
    boxes.push(box(frame, { x, y: ROW * (row + 2), width }, root.total));
    let at = x;
    for (const callee of sorted(frame)) {
      draw(callee, at, row + 1);
      at += (WIDTH * callee.total) / root.total;
    }
  };
  draw(root, 0, 0);
  const height = ROW * (rows + 2) + 4;
  const head = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="monospace" font-size="10">`;
  const legend = 'green: src, orange: actors, yellow: runtime, blue: Node and packages, grey: native, red: collector';
  const texts = `<text x="4" y="12" font-size="12">${escaped(title)}</text><text x="4" y="26">${legend}</text>`;
  return `${head}<title>${escaped(title)}</title>\n<rect width="100%" height="100%" fill="white"/>\n${texts}\n${boxes.join('\n')}\n</svg>\n`;
}

function box(
  frame: Frame,
  { x, y, width }: { readonly x: number; readonly y: number; readonly width: number },
  whole: number,
): string {
  const tip = `${frame.name} ${frame.place} ${share(frame.total, whole)}, itself ${share(frame.self, whole)}`;
  const letters = Math.floor((width - 4) / CHARACTER_PX);
  const label = letters < 3 ? '' : frame.name.length > letters ? `${frame.name.slice(0, letters - 1)}…` : frame.name;
  const shape = `<rect x="${x.toFixed(1)}" y="${y}" width="${Math.max(0.5, width - 0.5).toFixed(1)}" height="${ROW - 1}" fill="${colour(frame)}"/>`;
  const text = label === '' ? '' : `<text x="${(x + 2).toFixed(1)}" y="${y + 11}">${escaped(label)}</text>`;
  return `<g><title>${escaped(tip)}</title>${shape}${text}</g>`;
}
