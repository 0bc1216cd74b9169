/** Arguments as people write them: servers, positions, durations, headers, settings. Answers values, or says what would be right. */
import { TOPIC_SETTING_RULES } from '../../model/topic.ts';
import { parseQuantity, TIME_UNITS, unitsOf } from '../../model/units.ts';
import { usage } from './exit.ts';

export const DEFAULT_SERVER = '127.0.0.1:7625';

/** Where reading starts: begin, end, an offset, or the first record at a time (ms since 1970). */
export type Position = 'begin' | 'end' | { readonly offset: number } | { readonly timestamp: number };

export const POSITION_HELP = `beginning, end, an offset, a time such as 2026-11-21T08:00Z, or an age such as 15min`;

/** An offset is a bare number; a time has the form of ISO 8601; an age has a unit. */
export function parsePosition(text: string, now: number): Position {
  if (text === 'beginning' || text === 'begin') return 'begin';
  if (text === 'end') return 'end';
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return { offset: Number(text) };
  const age = parseQuantity(text, TIME_UNITS);
  if (age !== undefined && age >= 0) return { timestamp: Math.max(0, now - age) };
  const time = /^\d{4}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time) || time < 0) throw usage(`"${text}" is no position`, `Give ${POSITION_HELP}.`);
  return { timestamp: time };
}

/** A duration in ms: `10s`, `2min`; a bare number is seconds. */
export function parseDuration(text: string): number {
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : parseQuantity(text, TIME_UNITS);
  if (ms === undefined || ms <= 0 || ms > MS_MAX)
    throw usage(`"${text}" is no duration`, 'Give seconds, or a number with a unit: 500ms, 30s, 5min.');
  return ms;
}
/** Node's timers take no more. */
const MS_MAX = 2 ** 31 - 1;

/** A whole number from `least`. */
export function parseCount(text: string, least: number, what: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value) || value < least)
    throw usage(`"${text}" is no ${what}`, `Give a whole number from ${least}.`);
  return value;
}

/** `name=value`; the value may hold more of them. */
export function parsePair(text: string, what: string): readonly [name: string, value: string] {
  const at = text.indexOf('=');
  if (at <= 0) throw usage(`"${text}" is no ${what}`, `Write it as name=value.`);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** `--set name=value` of topics, with units; the names and values that the node would refuse are refused here already. */
export function parseTopicSettings(pairs: readonly string[]): Record<string, unknown> {
  const settings = new Map<string, unknown>();
  for (const pair of pairs) {
    const [name, text] = parsePair(pair, 'setting');
    if (!Object.hasOwn(TOPIC_SETTING_RULES, name)) {
      const known = Object.keys(TOPIC_SETTING_RULES).join(', ');
      throw usage(`unknown topic setting ${JSON.stringify(name)}`, `Known are ${known}.`);
    }
    const rule = TOPIC_SETTING_RULES[name as keyof typeof TOPIC_SETTING_RULES];
    const value = parseQuantity(text, unitsOf(name)) ?? (name === 'dirtyRatioMin' ? Number(text) : text);
    if (!rule.check(value)) throw usage(`${name} cannot be ${JSON.stringify(text)}`, `It must be ${rule.allowed}.`);
    settings.set(name, value);
  }
  return Object.fromEntries(settings);
}

/** `host:port`, several with commas; the port may be left out, IPv6 stands in brackets. */
export function parseServers(text: string): string[] {
  return text.split(',').map((one) => {
    const [, host, port] = /^(\[[0-9a-fA-F:.]+\]|[^\s:,[\]]+)(?::(\d+))?$/.exec(one.trim()) ?? [];
    if (host === undefined || Number(port ?? 1) < 1 || Number(port ?? 1) > 65_535)
      throw usage(`"${one}" is no server`, `Write it as host:port, for example ${DEFAULT_SERVER}.`);
    return `${host}:${port ?? DEFAULT_SERVER.split(':')[1]}`;
  });
}
