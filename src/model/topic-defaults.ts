/**
 * Defaults of topics that were altered while the node runs, above what its own settings say: for all nodes, and for this
 * one, whose word counts first. A topic takes the defaults in force when it is created, and keeps them. Stores nothing.
 */
import { type Fault, failed, type Result } from './faults.ts';
import { checkTogether, checkTopicSettings, type TopicSettings } from './topic.ts';

export const DEFAULTS_SCOPES = ['all', 'node'] as const;
export type DefaultsScope = (typeof DEFAULTS_SCOPES)[number];
/** Absent: not altered there. */
export type AlteredDefaults = { readonly [S in DefaultsScope]: Partial<TopicSettings> };

export interface DefaultsChange {
  readonly scope: DefaultsScope;
  /** Null: not altered any more; absent: as it was. */
  readonly settings: { readonly [K in keyof TopicSettings]?: TopicSettings[K] | null };
}

export const UNALTERED: AlteredDefaults = { all: {}, node: {} };

export function defaultsInForce(set: TopicSettings, { all, node }: AlteredDefaults): TopicSettings {
  return { ...set, ...all, ...node };
}

/** @returns what is altered in the scope afterwards; `set`: what the node's own settings say. */
export function changedDefaults(
  altered: AlteredDefaults,
  { scope, settings }: DefaultsChange,
  set: TopicSettings,
): Result<Partial<TopicSettings>> {
  const merged = Object.entries({ ...altered[scope], ...settings }).filter(([, value]) => value !== null);
  const after = checkTopicSettings(Object.fromEntries(merged));
  if (!after.ok) return after;
  if (after.value.engine !== undefined)
    return failed('INVALID_SETTING', 'engine is for the settings of the node to say');
  const wrong: Fault | null = checkTogether(defaultsInForce(set, { ...altered, [scope]: after.value }));
  return wrong === null ? after : { ok: false, fault: wrong };
}
