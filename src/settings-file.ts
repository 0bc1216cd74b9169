/**
 * The settings file: YAML to names and values with their places. The one file that knows YAML, loaded only where there is
 * such a file. Decides nothing about what may be set; reads no disk.
 */
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';

/** One thing that is wrong with what was given. */
export interface Problem {
  /** `callboard.yaml:3`, an environment name, or a flag. */
  readonly where: string;
  readonly key: string;
  readonly message: string;
}
/** A value that was given, before it is checked. */
export interface Given {
  readonly key: string;
  readonly value: unknown;
  readonly where: string;
}
export interface SettingsFile {
  readonly given: readonly Given[];
  /** What is no YAML, or no map of values. */
  readonly problems: readonly Problem[];
}

/** The leaves of the file with their lines. `a: {b: 1}` and `a.b: 1` are the same. */
export function readSettingsFile(name: string, source: string): SettingsFile {
  const problems: Problem[] = [];
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false });
  const where = (at: number | undefined): string => `${name}:${at === undefined ? 1 : lines.linePos(at).line}`;
  for (const error of document.errors)
    problems.push({ where: where(error.pos[0]), key: '', message: `not YAML: ${error.message}` });
  const given: Given[] = [];
  const walk = (node: unknown, path: string, at: number | undefined): void => {
    if (isMap(node)) {
      for (const { key, value } of node.items) {
        const keyAt = isScalar(key) ? key.range?.[0] : at;
        walk(value, path === '' ? String(key) : `${path}.${key}`, keyAt);
      }
    } else if (isScalar(node) && path !== '') {
      given.push({ key: path, value: node.value, where: where(at) });
    } else if (node !== null || path !== '') {
      const message = path === '' ? 'must be a map of settings' : 'must be one value: no list, no alias, not empty';
      problems.push({ where: where(at), key: path, message });
    }
  };
  if (document.errors.length === 0) walk(document.contents, '', undefined);
  return { given, problems };
}
