/**
 * What topics have by default, by Kafka's names: of a topic's setting, and of the same setting of the node, one table. Where
 * a value comes from, and what may be altered while the node runs. Everything else of a node is in its own file.
 */
import { failed, ok, type Result } from '../../model/faults.ts';
import { TOPIC_DEFAULTS, type TopicSettings } from '../../model/topic.ts';
import {
  type AlteredDefaults,
  type DefaultsChange,
  type DefaultsScope,
  defaultsInForce,
} from '../../model/topic-defaults.ts';
import { ask, type Serving } from './asking.ts';
import { type Config, configSources, type Given, type ShownConfig, shown, topicConfigs } from './configs.ts';
import type { Broker } from './service.ts';

/** Of a topic → of the node. */
const nodeNames: Readonly<Record<string, string>> = {
  'retention.ms': 'log.retention.ms',
  'retention.bytes': 'log.retention.bytes',
  'segment.bytes': 'log.segment.bytes',
  'segment.ms': 'log.roll.ms',
  'max.message.bytes': 'message.max.bytes',
  'flush.ms': 'log.flush.interval.ms',
  'flush.messages': 'log.flush.interval.messages',
  'cleanup.policy': 'log.cleanup.policy',
  'delete.retention.ms': 'log.cleaner.delete.retention.ms',
  'min.compaction.lag.ms': 'log.cleaner.min.compaction.lag.ms',
  'max.compaction.lag.ms': 'log.cleaner.max.compaction.lag.ms',
  'min.cleanable.dirty.ratio': 'log.cleaner.min.cleanable.ratio',
  'compression.type': 'compression.type',
  'message.timestamp.type': 'log.message.timestamp.type',
  'message.timestamp.before.max.ms': 'log.message.timestamp.before.max.ms',
  'message.timestamp.after.max.ms': 'log.message.timestamp.after.max.ms',
};
const nodeConfigs: ReadonlyMap<string, Config> = new Map(
  [...topicConfigs].flatMap(([name, config]) => {
    const ofNode = nodeNames[name];
    return ofNode === undefined ? [] : [[ofNode, config] as const];
  }),
);

/** Kafka's names of what a node may be given while it runs. */
export const nodeConfigNames: readonly string[] = [...nodeConfigs.keys()];

export interface Defaults {
  /** As the node's own settings say. */
  readonly set: TopicSettings;
  readonly altered: AlteredDefaults;
  readonly inForce: TopicSettings;
}

/** As they are now. */
export function* askDefaults({ defaults: { settings: set } }: Broker): Serving<Result<Defaults>> {
  const told = yield* ask<'defaults'>({ call: 'defaults' });
  if (!told.ok) return told;
  const { altered } = told.value;
  return ok({ set, altered, inForce: defaultsInForce(set, altered) });
}

/** Of a topic: its own where it is not the default that is in force now. */
export function showConfigs(settings: TopicSettings, defaults: Defaults): ShownConfig[] {
  return [...topicConfigs].map(([name, config]) => {
    const value = config.show(settings);
    const ofNode = synonymsOf(nodeNames[name] ?? name, config, defaults);
    const isDefault = value === ofNode[0]?.value;
    return show(name, config, isDefault ? ofNode : [{ name, value, source: configSources.topic }, ...ofNode]);
  });
}

/** Of the node, whether altered or not. */
export function showDefaults(defaults: Defaults): ShownConfig[] {
  return [...nodeConfigs].map(([name, config]) => show(name, config, synonymsOf(name, config, defaults)));
}

/** Of all nodes: what was altered for them. */
export function showAlteredForAll({ altered: { all }, inForce }: Defaults): ShownConfig[] {
  return [...nodeConfigs].flatMap(([name, config]) =>
    isIn(all, config)
      ? [show(name, config, [{ name, value: config.show({ ...inForce, ...all }), source: configSources.altered }])]
      : [],
  );
}

type Synonym = NonNullable<ShownConfig['synonyms']>[number];

function show(name: string, { type, about }: Config, synonyms: readonly Synonym[]): ShownConfig {
  const { value, source } = synonyms[0] ?? { value: '', source: configSources.byDefault };
  return { name, value, source, synonyms, type, about };
}

/** The first counts; the last is what a node has that was told nothing. */
function synonymsOf(name: string, config: Config, { set, altered: { all, node } }: Defaults): Synonym[] {
  const written = (settings: TopicSettings): string => config.show(settings);
  const synonyms: Synonym[] = [];
  if (isIn(node, config))
    synonyms.push({ name, value: written({ ...set, ...node }), source: configSources.alteredHere });
  if (isIn(all, config)) synonyms.push({ name, value: written({ ...set, ...all }), source: configSources.altered });
  const byDefault = written(TOPIC_DEFAULTS);
  if (written(set) !== byDefault) synonyms.push({ name, value: written(set), source: configSources.node });
  return [...synonyms, { name, value: byDefault, source: configSources.byDefault }];
}

const isIn = (settings: Partial<TopicSettings>, { setting }: Config): boolean =>
  setting !== null && settings[setting] !== undefined;

/** Which of the two a name means; no fault is told apart from another: Kafka has one code for all of them. */
export function scopeOf(resourceName: string, { node }: Broker): Result<DefaultsScope> {
  if (resourceName === '') return ok('all');
  return resourceName === String(node) ? ok('node') : failed('INVALID_REQUEST', `this is node ${node}`);
}

/** Kafka says INVALID_REQUEST of settings of a node, whatever is wrong with them. */
export function defaultsChangeOf(given: readonly Given[], scope: DefaultsScope): Result<DefaultsChange> {
  let settings: DefaultsChange['settings'] = {};
  for (const { name, value } of given) {
    const config = nodeConfigs.get(name);
    if (config === undefined || config.setting === null)
      return failed(
        'INVALID_REQUEST',
        `${shown(name)} can't be altered while the node runs; what can: ${nodeConfigNames.join(', ')}`,
      );
    const parsed = value === null ? { [config.setting]: null } : config.parse(value);
    if (parsed === undefined)
      return failed('INVALID_REQUEST', `${name} must be ${config.allowed}; it is ${shown(value ?? '')}`);
    settings = { ...settings, ...parsed };
  }
  return ok({ scope, settings });
}
