/**
 * How the settings of a node come together: flags > environment > file > defaults. Every wrong or unknown name stops
 * the start, with its place and the nearest known name. Finds the settings file (settings-file.ts reads it) and asks the
 * machine for its size, nothing else; never starts anything and keeps no state.
 */
import { readFileSync } from 'node:fs';
import { BlockList, isIP } from 'node:net';
import { availableParallelism, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { memoryLeast } from './memory.ts';
import { KIB } from './model/limits.ts';
import { showBytes } from './model/units.ts';
import {
  environmentName,
  flagName,
  type Machine,
  type Rule,
  rules,
  type SettingKey,
  type Settings,
  settingKeys,
  showValue,
} from './settings.ts';
import type { Given, Problem, SettingsFile } from './settings-file.ts';

export type { Problem } from './settings-file.ts';

/** All that is wrong at once, so that nobody has to start again for each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly Problem[];
  constructor(problems: readonly Problem[]) {
    super(problems.map(({ where, key, message }) => `${where}: ${key === '' ? '' : `${key}: `}${message}`).join('\n'));
    this.problems = problems;
  }
}

/** Environment names of the command line itself. */
const COMMAND_NAMES = ['CALLBOARD_CONFIG', 'CALLBOARD_SERVER'];
/** What Kubernetes sets for a service named callboard: not settings, and nobody's mistake. */
const SERVICE_LINK = /^CALLBOARD(_\w+)?_(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)$|^CALLBOARD_PORT$/;

export interface Origin {
  readonly from: 'default' | 'file' | 'environment' | 'flag';
  /** `default`, `callboard.yaml:3`, an environment name, or a flag. */
  readonly where: string;
}
export interface SettingInForce extends Origin {
  readonly key: SettingKey;
  readonly value: unknown;
  /** The value as a person would write it. */
  readonly text: string;
}
export interface Sources {
  readonly file?: SettingsFile;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** By key, as settingKeys has them. */
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly machine: Machine;
}
export interface Resolved {
  readonly settings: Settings;
  readonly origins: Readonly<Record<SettingKey, Origin>>;
}

/**
 * Brings all sources together.
 * @throws ConfigError with everything that is wrong.
 */
export function resolveSettings(sources: Sources): Resolved {
  const problems: Problem[] = [];
  const values = new Map<string, unknown>(settingKeys.map((key) => [key, rules[key].byDefault(sources.machine)]));
  const origins = new Map<string, Origin>(settingKeys.map((key) => [key, { from: 'default', where: 'default' }]));
  const take = (from: Origin['from'], given: readonly Given[]): void => {
    for (const one of given) {
      const checked = check(one);
      if (typeof checked === 'string') problems.push({ where: one.where, key: one.key, message: checked });
      else values.set(one.key, checked.value);
      origins.set(one.key, { from, where: one.where });
    }
  };
  if (sources.file) {
    problems.push(...sources.file.problems);
    take('file', sources.file.given);
  }
  take('environment', readEnvironment(sources.environment ?? {}, problems));
  take(
    'flag',
    Object.entries(sources.flags ?? {}).map(([key, value]) => ({ key, value, where: flagName(key) })),
  );
  const least = memoryLeast(values.get('shards') as number);
  if (origins.get('memory')?.from === 'default') values.set('memory', Math.max(least, values.get('memory') as number));
  const resolved = {
    settings: Object.fromEntries(values),
    origins: Object.fromEntries(origins),
  } as unknown as Resolved;
  if (problems.length === 0) checkTogether(resolved, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  return resolved;
}

/** The value, or what is wrong with it. */
function check({ key, value }: Given): string | { readonly value: unknown } {
  if (!Object.hasOwn(rules, key)) return unknownName(key, settingKeys);
  const rule: Rule<unknown> = rules[key as SettingKey];
  const parsed = rule.parse(value);
  return parsed === undefined ? `must be ${rule.allowed}; it is ${JSON.stringify(value)}` : { value: parsed };
}

/** What no single setting can know. */
function checkTogether({ settings, origins }: Resolved, problems: Problem[]): void {
  const refuse = (key: SettingKey, message: string): void => {
    problems.push({ where: origins[key].where, key, message });
  };
  for (const key of ['native.host', 'kafka.host', 'admin.host'] as const) {
    if (settings.insecure || isLoopback(settings[key])) continue;
    refuse(
      key,
      `${settings[key]} can be reached from other machines, and there are no accounts yet: anybody could read, write and delete everything. Listen on 127.0.0.1, or accept that with --insecure`,
    );
  }
  checkPorts(settings, refuse);
  checkGroupTimes(settings, refuse);
  const { shards } = settings;
  const memory = memoryLeast(shards);
  if (settings.memory < memory)
    refuse(
      'memory',
      `must be at least ${showBytes(memory)} for ${shards} shard${shards === 1 ? '' : 's'}, so that resident memory stays below it; give more memory, or choose fewer shards`,
    );
  const frameLeast = settings['topics.batchBytesMax'] + FRAME_OVERHEAD_BYTES;
  if (settings['limits.frameBytes'] < frameLeast)
    refuse('limits.frameBytes', `must be at least ${frameLeast}, so that one batch of topics.batchBytesMax fits`);
}
/** What groups have that were given nothing of their own is within the bounds, and what they may be given can go together. */
function checkGroupTimes(settings: Settings, refuse: (key: SettingKey, message: string) => void): void {
  for (const key of ['groups.sessionMs', 'groups.heartbeatMs'] as const) {
    const [least, most] = [settings[`${key}Min`], settings[`${key}Max`]];
    if (settings[key] < least) refuse(key, `must be at least ${key}Min, which is ${least}; it is ${settings[key]}`);
    if (settings[key] > most) refuse(key, `must be at most ${key}Max, which is ${most}; it is ${settings[key]}`);
  }
  if (settings['groups.heartbeatMs'] >= settings['groups.sessionMs'])
    refuse('groups.heartbeatMs', `must be less than groups.sessionMs, which is ${settings['groups.sessionMs']}`);
}
function checkPorts(settings: Settings, refuse: (key: SettingKey, message: string) => void): void {
  const keys = settings['kafka.enabled']
    ? (['native.port', 'kafka.port', 'admin.port'] as const)
    : (['native.port', 'admin.port'] as const);
  keys.forEach((key, index) => {
    const other = keys
      .slice(0, index)
      .find((earlier) => settings[earlier] !== 0 && settings[earlier] === settings[key]);
    if (other !== undefined) refuse(key, `must differ from ${other}, which is ${settings[other]} as well`);
  });
}

/** Room for the names and numbers around a batch. */
const FRAME_OVERHEAD_BYTES = 16 * KIB;

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Only this machine can connect. Names are not looked up: of them only localhost is certain. */
export function isLoopback(host: string): boolean {
  const family = isIP(host);
  return family === 0 ? host === 'localhost' : loopback.check(host, family === 4 ? 'ipv4' : 'ipv6');
}

/** This machine, as far as defaults ask. */
export function thisMachine(): Machine {
  // 0 and values beyond the machine's own memory mean that no limit is set
  const limit = process.constrainedMemory();
  const memoryBytes = limit > 0 && limit < totalmem() ? limit : totalmem();
  return { cores: availableParallelism(), memoryBytes, terminal: process.stderr.isTTY === true };
}

/** Every setting with its value and where that comes from, as `callboard config` prints it. */
export function settingsInForce({ settings, origins }: Resolved): SettingInForce[] {
  return settingKeys.map((key) => ({
    key,
    value: settings[key],
    text: showValue(key, settings[key]),
    ...origins[key],
  }));
}

/** Reads the settings of this process: `--config`, else CALLBOARD_CONFIG, else callboard.yaml where there is one. */
export async function loadSettings(
  flags: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string | undefined>>,
  config?: string,
): Promise<Resolved> {
  const named = config ?? (environment.CALLBOARD_CONFIG || undefined);
  const name = named ?? 'callboard.yaml';
  const sources = { environment, flags, machine: thisMachine() };
  const text = textOf(name, named !== undefined);
  if (text === undefined) return resolveSettings(sources);
  // Only here: YAML is a lot to load, and most nodes have no file.
  const { readSettingsFile } = await import('./settings-file.ts');
  return resolveSettings({ ...sources, file: readSettingsFile(name, text) });
}

/** Undefined where there is none and nobody named one. */
function textOf(name: string, named: boolean): string | undefined {
  try {
    return readFileSync(resolve(name), 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === undefined) throw error;
    if (code === 'ENOENT' && !named) return undefined;
    throw new ConfigError([{ where: name, key: '', message: `the settings file cannot be read (${code})` }]);
  }
}

/** CALLBOARD_* variables; an empty one counts as not set, as compose files leave them. */
function readEnvironment(environment: Readonly<Record<string, string | undefined>>, problems: Problem[]): Given[] {
  const keys = new Map<string, string>(settingKeys.map((key) => [environmentName(key), key]));
  const given: Given[] = [];
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith('CALLBOARD_') || value === undefined || value === '') continue;
    const key = keys.get(name);
    if (key !== undefined) given.push({ key, value, where: name });
    else if (!COMMAND_NAMES.includes(name) && !SERVICE_LINK.test(name))
      problems.push({ where: name, key: '', message: unknownName(name, [...keys.keys(), ...COMMAND_NAMES]) });
  }
  return given;
}

function unknownName(name: string, known: readonly string[]): string {
  const close = nearest(name, known);
  return `unknown setting${close === undefined ? '.' : `; did you mean ${close}?`} Known are ${known.join(', ')}`;
}

/** The known name that takes the fewest edits, if they are few; the last part of a dotted name counts as a name too. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const plain = (word: string): string => word.toLowerCase().replaceAll(/[-_. ]/g, '');
  let best: string | undefined;
  let bestEdits = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const last = candidate.slice(candidate.lastIndexOf('.') + 1);
    const edits = Math.min(distance(plain(name), plain(candidate)), distance(plain(name), plain(last)) + 0.5);
    if (edits < bestEdits) [best, bestEdits] = [candidate, edits];
  }
  return best;
}

/** Edits (insert, delete, replace, swap of neighbours) from one word to the other; names are cut at 64 characters. */
function distance(from: string, to: string): number {
  const [a, b] = [from.slice(0, 64), to.slice(0, 64)];
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Number.POSITIVE_INFINITY;
  for (let row = 1; row <= a.length; row++) {
    const line = [row];
    rows.push(line);
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1] ? 0 : 1;
      const swapped =
        a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
          ? at(row - 2, column - 2) + 1
          : Number.POSITIVE_INFINITY;
      line.push(
        Math.min(at(row - 1, column) + 1, (line[column - 1] ?? 0) + 1, at(row - 1, column - 1) + same, swapped),
      );
    }
  }
  return at(a.length, b.length);
}
