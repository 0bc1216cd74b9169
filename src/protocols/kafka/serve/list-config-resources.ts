/** ListConfigResources: topics, the node, and groups that were given settings of their own. Other resources have none here. */

import { ask } from '../asking.ts';
import { listConfigResources } from '../calls/list-config-resources.ts';
import { coordinatorErrorOf, errorOf, errors } from '../faults.ts';
import { service } from '../service.ts';
import { resourceTypes } from '../standing.ts';

/** Kafka's numbers for what has settings there and none here: loggers of a broker, subscriptions to metrics. */
const WITHOUT = [8, 16];
const KNOWN: readonly number[] = [...Object.values(resourceTypes), ...WITHOUT];

export const serveListConfigResources = service(listConfigResources, function* (request, { broker }, version) {
  // Version 0 asks for subscriptions to metrics alone, of which there are none.
  if (version === 0) return { errorCode: errors.NONE, configResources: [] };
  if (!request.resourceTypes.every((type) => KNOWN.includes(type)))
    return { errorCode: errors.UNSUPPORTED_VERSION, configResources: [] };
  const wanted = (type: number): boolean => request.resourceTypes.length === 0 || request.resourceTypes.includes(type);
  const configResources: { resourceName: string; resourceType: number }[] = [];
  if (wanted(resourceTypes.group)) {
    const altered = yield* ask<'alteredGroups'>({ call: 'alteredGroups' });
    if (!altered.ok) return { errorCode: coordinatorErrorOf(altered.fault.code), configResources: [] };
    for (const resourceName of altered.value.groups)
      configResources.push({ resourceName, resourceType: resourceTypes.group });
  }
  if (wanted(resourceTypes.node))
    configResources.push({ resourceName: String(broker.node), resourceType: resourceTypes.node });
  if (wanted(resourceTypes.topic)) {
    const listed = yield* ask<'topics'>({ call: 'topics' });
    if (!listed.ok) return { errorCode: errorOf(listed.fault.code), configResources: [] };
    for (const { name } of listed.value.topics)
      configResources.push({ resourceName: name, resourceType: resourceTypes.topic });
  }
  return { errorCode: errors.NONE, configResources };
});
