/**
 * The sources as the judges see them: which files there are, what they import, and their syntax tree without types.
 * Reads files; judges nothing itself.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { type Comment, type Node, parse } from 'acorn';

export const root = join(import.meta.dirname, '..');

/** Folders that hold no sources of ours. */
const FOREIGN = new Set(['node_modules', 'dist', 'data']);

/** Paths under `folder`, relative to the root, with `/`; folders end with one. Hidden ones are left out. */
export function tree(folder = ''): string[] {
  const paths: string[] = [];
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    if (entry.name.startsWith('.') || FOREIGN.has(entry.name)) continue;
    const path = folder + entry.name;
    if (entry.isDirectory()) paths.push(`${path}/`, ...tree(`${path}/`));
    else paths.push(path);
  }
  return paths.sort();
}

export interface Source {
  readonly path: string;
  readonly text: string;
}

/** Every TypeScript and JavaScript file of the project. */
export function sources(): Source[] {
  return tree()
    .filter((path) => /\.(ts|mts|js|mjs)$/.test(path))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

export interface Import {
  /** As written. */
  readonly specifier: string;
  readonly line: number;
}

const IMPORTS = [
  /^\s*(?:import|export)\s(?:[^'"();]*\sfrom\s+)?'([^']+)'/gm,
  /\bimport\(\s*'([^']+)'/g,
  /\bnew URL\(\s*'(\.[^']+)',\s*import\.meta\.url/g,
  /\bimport\.meta\.resolve\(\s*'([^']+)'/g,
];

/** What a file asks for: types too, and modules loaded by URL. Examples in comments don't count. */
export function importsOf({ text }: Source): Import[] {
  const code = text.replace(/^\s*(\/\*|\*|\/\/).*$/gm, '');
  const found: Import[] = [];
  for (const pattern of IMPORTS) {
    for (const match of code.matchAll(pattern)) {
      const upTo = code.slice(0, match.index + match[0].length);
      found.push({ specifier: match[1] ?? '', line: upTo.split('\n').length });
    }
  }
  return found.sort((a, b) => a.line - b.line);
}

export interface Tree {
  readonly program: Node;
  readonly comments: readonly Comment[];
  /** All that stripping took away, and nothing else: the types, with the comments among them left out. */
  readonly types: string;
}

/** Positions and lines are those of the file, because types are replaced by blanks. */
export function parseSource({ path, text }: Source): Tree {
  const comments: Comment[] = [];
  const script = path.endsWith('ts') ? withoutTypes(path, text) : text;
  const program = parse(script, {
    ecmaVersion: 'latest',
    sourceType: 'module',
    allowHashBang: true,
    locations: true,
    onComment: comments,
  });
  let types = '';
  for (let index = 0; index < text.length; index++) {
    const gone = script[index] !== text[index] || text[index] === '\n';
    types += gone ? text[index] : ' ';
  }
  return { program, comments, types: types.replace(/\/\*[\s\S]*?\*\/|(?<=\s)\/\/.*$/gm, blank) };
}

/** Keeps the lines where they are. */
const blank = (text: string): string => text.replace(/[^\n]/g, ' ');

function withoutTypes(path: string, text: string): string {
  try {
    return stripTypeScriptTypes(text);
  } catch (error) {
    throw new Error(`${path} is not TypeScript that Node can run`, { cause: error });
  }
}

/** A node with its fields by name; acorn's own union is narrower than what a judge asks. */
export type Shape = Node & Readonly<Record<string, unknown>>;

/** Calls `visit` for every node below and including `node`, parents first. */
export function walk(node: unknown, visit: (node: Shape) => void): void {
  if (Array.isArray(node)) {
    for (const one of node) walk(one, visit);
  } else if (isNode(node)) {
    visit(node);
    for (const [name, value] of Object.entries(node)) if (name !== 'loc') walk(value, visit);
  }
}

function isNode(value: unknown): value is Shape {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

export const lineOf = (node: Node): number => node.loc?.start.line ?? 0;
export const linesOf = (node: Node): number => (node.loc?.end.line ?? 0) - lineOf(node) + 1;
