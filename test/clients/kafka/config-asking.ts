/** What tests of settings ask by hand again and again: to alter those of one resource, and what they are. */
import { describeConfigs } from '../../../src/protocols/kafka/calls/describe-configs.ts';
import { incrementalAlterConfigs } from '../../../src/protocols/kafka/calls/incremental-alter-configs.ts';
import { errors } from '../../../src/protocols/kafka/faults.ts';
import type { Wire } from './wire.ts';

/** Kafka's numbers. */
export const resources = { TOPIC: 2, NODE: 4, GROUP: 32 } as const;
export const operations = { SET: 0, DELETE: 1, APPEND: 2, SUBTRACT: 3 } as const;

type Operation = readonly [name: string, configOperation: number, value: string | null];

export async function alter(
  by: Wire,
  resourceType: number,
  resourceName: string,
  ...changes: readonly Operation[]
): Promise<number | undefined> {
  return (await altered(by, resourceType, resourceName, changes))?.errorCode;
}

/** With the message. */
export async function altered(
  by: Wire,
  resourceType: number,
  resourceName: string,
  changes: readonly Operation[],
  validateOnly = false,
) {
  const configs = changes.map(([name, configOperation, value]) => ({ name, configOperation, value }));
  const request = { resources: [{ resourceType, resourceName, configs }], validateOnly };
  return (await by.ask(incrementalAlterConfigs, 1, request))?.responses[0];
}

/** Values by their names, or the error. */
export async function told(
  by: Wire,
  resourceType: number,
  resourceName: string,
  configurationKeys: string[] | null = null,
) {
  const configs = await described(by, resourceType, resourceName, configurationKeys);
  return typeof configs === 'object'
    ? Object.fromEntries(configs.map(({ name, value }) => [name, value] as const))
    : configs;
}

/** All that is told of each, or the error. */
export async function described(
  by: Wire,
  resourceType: number,
  resourceName: string,
  configurationKeys: string[] | null = null,
) {
  const asked = [{ resourceType, resourceName, configurationKeys }];
  const request = { resources: asked, includeSynonyms: true, includeDocumentation: false };
  const result = (await by.ask(describeConfigs, 4, request))?.results[0];
  return result?.errorCode === errors.NONE ? result.configs : result?.errorCode;
}
