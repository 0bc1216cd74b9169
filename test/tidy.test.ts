/**
 * Judges style, so that no review has to: lengths, opening comments, names, and constructs that hide mistakes.
 * Says nothing about whether the code is right.
 */
import test from 'ava';
import { lineOf, linesOf, parseSource, type Shape, type Source, sources, type Tree, walk } from './source.ts';

const FILE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 60;
const FILE_LINES_MEDIAN = 150;
const FUNCTION_LINES_MEDIAN = 15;

/** Tables that follow a specification line by line, with the reason why they are better whole. */
const LONG_FILES: Readonly<Record<string, string>> = {};

/** Files with a function that is a table, with the reason why it is better whole. */
const LONG_FUNCTIONS: Readonly<Record<string, string>> = {
  'actors/node.ts': 'the supervision tree is one literal, to be read on one screen',
};

type Rule = (source: Source, tree: Tree) => (readonly [line: number, message: string])[];

const opening: Rule = ({ text }) =>
  /^(#!.*\n)?\/\*\*/.test(text) ? [] : [[1, 'opens without a paragraph: what it is, what it never does']];

/** An actor's reader wants to know how many of it there are and what it can see. */
const whereabouts: Rule = ({ path, text }) => {
  if (!path.startsWith('actors/') || !/:\s*ActorFactory\b|implements Actor\b/.test(text)) return [];
  const head = text.slice(0, text.indexOf('*/'));
  return /Lives on: /.test(head) && /View: /.test(head) ? [] : [[1, 'an actor says "Lives on: … View: …" at its head']];
};

const length: Rule = ({ path, text }) => {
  const lines = countLines(text);
  if (lines <= FILE_LINES_MAX || Object.hasOwn(LONG_FILES, path)) return [];
  return [[lines, `${lines} lines; ${FILE_LINES_MAX} at most`]];
};

const functionLength: Rule = ({ path }, { program }) =>
  functionsOf(program)
    .filter((node) => linesOf(node) > FUNCTION_LINES_MAX && !Object.hasOwn(LONG_FUNCTIONS, path))
    .map((node) => [lineOf(node), `a function of ${linesOf(node)} lines; ${FUNCTION_LINES_MAX} at most`]);

const silence: Rule = (_source, { program }) => {
  const found: [number, string][] = [];
  walk(program, (node) => {
    if (node.type === 'CatchClause' && isEmpty(node.body)) found.push([lineOf(node), 'an empty catch']);
    if (isSilentRejection(node)) found.push([lineOf(node), 'a rejection that nobody hears']);
    if (node.type === 'SwitchCase' && node.test === null && isSilent(node.consequent as Shape[]))
      found.push([lineOf(node), 'a silent default; name the cases, end with unreachable()']);
  });
  return found;
};

const exported: Rule = (_source, { program }) => {
  const found: [number, string][] = [];
  walk(program, (node) => {
    if (node.type === 'ExportDefaultDeclaration') found.push([lineOf(node), 'a default export']);
  });
  return found;
};

const types: Rule = ({ text }, { types }) => [
  ...matches(types, /(?<![\w$.'-])any(?![\w$:?(-])/, 'any'),
  ...accessModifiers(text, types),
  ...matches(types, /\benum\s/, 'an enum'),
];

/** A constructor has no other way to be private. */
function accessModifiers(text: string, types: string): [number, string][] {
  const lines = text.split('\n');
  const found = matches(
    types,
    /\b(private|public)\s/,
    'an access modifier; #private fields are private at run time too',
  );
  return found.filter(([line]) => !/\bprivate constructor\b/.test(lines[line - 1] ?? ''));
}

/** What tells a tool to look away, or admits that something is missing. Put together, so that this file is clean. */
const EXCUSES = new RegExp(
  `@ts-(${'ignore'}|expect-error|nocheck)|biome-${'ignore'}|\\b(TO${'DO'}|FIX${'ME'}|XX${'X'}|HA${'CK'})\\b`,
);

const excuses: Rule = ({ text }) => matches(text, EXCUSES, 'an excuse instead of a solution');

const VAGUE = /(Impl|Manager|Helper|Helpers|Util|Utils)$/;
const SHORT = new Set([
  'cfg',
  'msg',
  'req',
  'res',
  'ctx',
  'cb',
  'err',
  'idx',
  'tmp',
  'buf',
  'len',
  'arr',
  'obj',
  'fn',
  'str',
  'num',
  'val',
]);

const names: Rule = ({ path }, { program }) => {
  const found: [number, string][] = [];
  const file = path.slice(path.lastIndexOf('/') + 1);
  if (!/^[a-z0-9]+([-.][a-z0-9]+)*$/.test(file))
    found.push([1, `the file name ${file} is not lower case with hyphens`]);
  walk(program, (node) => {
    for (const declared of declaredBy(node)) {
      const name = String(declared.name);
      if (VAGUE.test(name)) found.push([lineOf(declared), `${name} says nothing: name the noun`]);
      if (SHORT.has(name)) found.push([lineOf(declared), `${name} is an abbreviation`]);
    }
  });
  return found;
};

const rules: readonly Rule[] = [opening, whereabouts, length, functionLength, silence, exported, types, excuses, names];

function judge(source: Source): string[] {
  const tree = parseSource(source);
  const found = rules.flatMap((rule) => rule(source, tree));
  return found.map(([line, message]) => `${source.path}:${line}: ${message}`);
}

const countLines = (text: string): number => text.split('\n').length - (text.endsWith('\n') ? 1 : 0);

function functionsOf(program: unknown): Shape[] {
  const found: Shape[] = [];
  walk(program, (node) => {
    if (/^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type)) found.push(node);
  });
  return found;
}

const isEmpty = (body: unknown): boolean => (body as { body?: unknown[] }).body?.length === 0;

/** `.catch(() => {})` and its like. */
function isSilentRejection(node: Shape): boolean {
  if (node.type !== 'CallExpression') return false;
  const { property } = node.callee as Shape;
  const [handler] = node.arguments as Shape[];
  return (property as Shape | undefined)?.name === 'catch' && handler?.body !== undefined && isEmpty(handler.body);
}

/** Nothing, or nothing but leaving. */
function isSilent(statements: readonly Shape[]): boolean {
  const [first] = statements;
  if (statements.length === 1 && first?.type === 'BlockStatement') return isSilent(first.body as Shape[]);
  const leaves = first?.type === 'BreakStatement' || (first?.type === 'ReturnStatement' && first.argument === null);
  return first === undefined || (statements.length === 1 && leaves);
}

/** Identifiers that a node gives a meaning to: variables, parameters, functions, classes. */
function declaredBy(node: Shape): Shape[] {
  const named = [node.id, ...(Array.isArray(node.params) ? node.params : [])];
  const declares = /^(VariableDeclarator|Function|Arrow|Class)/.test(node.type);
  return declares ? named.filter((one): one is Shape => (one as Shape | null)?.type === 'Identifier') : [];
}

function matches(text: string, pattern: RegExp, what: string): [number, string][] {
  return text.split('\n').flatMap((line, index): [number, string][] => (pattern.test(line) ? [[index + 1, what]] : []));
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

const all = sources();

test('every file keeps to the house style', (t) => {
  t.true(all.length > 10);
  t.deepEqual(all.flatMap(judge), []);
});

test('files and functions are short, most of them', (t) => {
  const code = all.filter(({ path }) => /^(src|actors|runtime)\//.test(path));
  const files = median(code.map(({ text }) => countLines(text)));
  const functions = median(code.flatMap((source) => functionsOf(parseSource(source).program).map(linesOf)));
  t.true(files < FILE_LINES_MEDIAN, `the median file has ${files} lines`);
  t.true(functions < FUNCTION_LINES_MEDIAN, `the median function has ${functions} lines`);
});

test('every exempt file is there and long', (t) => {
  t.true(Object.keys(LONG_FILES).length < 10);
  for (const [path, reason] of Object.entries(LONG_FILES)) {
    const file = all.find((source) => source.path === path);
    t.true(file !== undefined && countLines(file.text) > FILE_LINES_MAX, `${path} needs no exemption`);
    t.true(reason.length > 20);
  }
  for (const [path, reason] of Object.entries(LONG_FUNCTIONS)) {
    const file = all.find((source) => source.path === path);
    const lengths = file === undefined ? [] : functionsOf(parseSource(file).program).map(linesOf);
    t.true(Math.max(...lengths) > FUNCTION_LINES_MAX, `${path} needs no exemption`);
    t.true(reason.length > 20);
  }
});

const HEAD = '/** What it is. */\n';
const judged = (body: string, path = 'src/log/a.ts'): string[] => judge({ path, text: HEAD + body });

test('the judge sees each planted violation', (t) => {
  const planted: [string, RegExp][] = [
    ['f();\n'.repeat(FILE_LINES_MAX), /401 lines; 400 at most/],
    [`export function f() {\n${'  f();\n'.repeat(FUNCTION_LINES_MAX - 1)}}`, /a function of 61 lines/],
    ['try { f(); } catch {}', /empty catch/],
    ['try { f(); } catch (error) {\n  // never mind\n}', /empty catch/],
    ['p.catch(() => {});', /nobody hears/],
    ['p.catch(function (error) {});', /nobody hears/],
    ['switch (x) { case 1: f(); default: }', /silent default/],
    ['switch (x) { case 1: f(); break; default: break; }', /silent default/],
    ['function f() { switch (x) { case 1: f(); default: { return; } } }', /silent default/],
    ['export default 1;', /default export/],
    ['const a: any = 1;', /any/],
    ['const a = b as any;', /any/],
    ['interface A { b: Map<string, any>; }', /any/],
    ['type A = any[] | string;', /any/],
    ['class A { private b = 1; }', /access modifier/],
    [`// @ts-${'ignore'}\nconst a = 1;`, /excuse/],
    [`// TO${'DO'}: more\nconst a = 1;`, /excuse/],
    ['class LogManager {}', /says nothing/],
    ['const f = (msg: string) => msg;', /abbreviation/],
    ['const cfg = 1;', /abbreviation/],
  ];
  for (const [body, message] of planted) {
    const [first, ...others] = judged(body);
    t.regex(first ?? 'nothing found', message, body);
    t.deepEqual(others, [], body);
  }
  t.regex(judge({ path: 'src/a.ts', text: 'const a = 1;' })[0] ?? '', /opens without/);
  t.regex(judged('', 'src/logSegment.ts')[0] ?? '', /lower case/);
  t.regex(judged('export const make: ActorFactory<Inbox> = f;', 'actors/a.ts')[0] ?? '', /Lives on/);
});

test('the judge lets pass what is fine', (t) => {
  const fine = [
    '// any day, anywhere\nconst a = "any";',
    'interface A {\n  /** For any reader: any. */\n  anyone: string;\n  any: string;\n}',
    'interface A {\n  b: string; // takes any\n}',
    'try { f(); } catch { return1(); }',
    'switch (x) { case 1: f(); break; default: unreachable(x); }',
    'switch (x) { case 1: f(); break; default: return1(); }',
    'p.catch((error) => { log(error); });',
    'class Ledger { #held = 1; message = 1; }',
    "type A = 'any' | 'none';",
    'class A { private constructor() {} }',
  ];
  for (const body of fine) t.deepEqual(judged(body), [], body);
  t.deepEqual(judge({ path: 'bin/a.js', text: '#!/usr/bin/env node\n/** What it is. */\nf();\n' }), []);
});
