/** ListConfigResources: topics and the node have settings; nothing else has. */

import { ask } from '../asking.ts';
import { listConfigResources } from '../calls/list-config-resources.ts';
import { errorOf, errors } from '../faults.ts';
import { service } from '../service.ts';
import { resourceTypes } from '../standing.ts';

export const serveListConfigResources = service(listConfigResources, function* (request, { broker }, version) {
  // Version 0 asks for subscriptions to metrics alone, of which there are none.
  if (version === 0) return { errorCode: errors.NONE, configResources: [] };
  const wanted = (type: number): boolean => request.resourceTypes.length === 0 || request.resourceTypes.includes(type);
  const configResources: { resourceName: string; resourceType: number }[] = [];
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
