/** ApiVersions: says exactly which calls in which versions are served. */
import { type ApiVersionsResponse, apiVersions } from '../calls/api-versions.ts';
import { errors } from '../faults.ts';
import { known, type Service } from '../service.ts';

/** Clients name themselves so that people can tell them apart; a name that is none is refused (KIP-511). */
const SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;

/** @param services all that are served, itself among them, by the time it is asked. */
export function apiVersionsOf(services: () => Iterable<Service>): Service {
  let apiKeys: ApiVersionsResponse['apiKeys'] | undefined;
  return known(apiVersions, ({ clientSoftwareName, clientSoftwareVersion, clusterId, nodeId }, { broker }, version) => {
    const refused = (errorCode: number): ApiVersionsResponse => ({ errorCode, apiKeys: [] });
    if (version >= 3 && !(SOFTWARE.test(clientSoftwareName) && SOFTWARE.test(clientSoftwareVersion)))
      return refused(errors.INVALID_REQUEST);
    // Who says where it meant to come to says both, or nothing.
    if ((clusterId === null) !== (nodeId === -1)) return refused(errors.INVALID_REQUEST);
    if (clusterId !== null && (clusterId !== broker.cluster || nodeId !== broker.node))
      return refused(errors.REBOOTSTRAP_REQUIRED);
    apiKeys ??= keysOf(services());
    return { errorCode: errors.NONE, apiKeys, ...featuresOf(version) };
  });
}

const FEATURES = [
  /** The node may assign the partitions of a group (KIP-848). */
  { name: 'group.version', level: 1 },
  /** Every end of a transaction may take an epoch, and partitions join by what is written to them (KIP-890). */
  { name: 'transaction.version', level: 2 },
];

/** Clients of version 3 do not understand a feature that may be at level 0. */
function featuresOf(version: number): Partial<ApiVersionsResponse> {
  const minVersion = version >= 4 ? 0 : 1;
  return {
    supportedFeatures: FEATURES.map(({ name, level }) => ({ name, minVersion, maxVersion: level })),
    finalizedFeaturesEpoch: 0,
    finalizedFeatures: FEATURES.map(({ name, level }) => ({ name, maxVersionLevel: level, minVersionLevel: level })),
  };
}

export function keysOf(services: Iterable<Service>): ApiVersionsResponse['apiKeys'] {
  return [...services]
    .map(({ call, versions: [minVersion, maxVersion] }) => ({ apiKey: call.key, minVersion, maxVersion }))
    .sort((one, other) => one.apiKey - other.apiKey);
}
