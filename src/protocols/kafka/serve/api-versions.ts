/** ApiVersions: says exactly which calls in which versions are served. */
import { type ApiVersionsResponse, apiVersions } from '../calls/api-versions.ts';
import { errors } from '../faults.ts';
import { known, type Service } from '../service.ts';

/** Clients name themselves so that people can tell them apart; a name that is none is refused (KIP-511). */
const SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;

/** @param services all that are served, itself among them, by the time it is asked. */
export function apiVersionsOf(services: () => Iterable<Service>): Service {
  let apiKeys: ApiVersionsResponse['apiKeys'] | undefined;
  return known(apiVersions, ({ clientSoftwareName, clientSoftwareVersion, clusterId }, { broker }, version) => {
    const refused = (errorCode: number): ApiVersionsResponse => ({ errorCode, apiKeys: [] });
    if (version >= 3 && !(SOFTWARE.test(clientSoftwareName) && SOFTWARE.test(clientSoftwareVersion)))
      return refused(errors.INVALID_REQUEST);
    if (clusterId !== null && clusterId !== broker.cluster) return refused(errors.REBOOTSTRAP_REQUIRED);
    apiKeys ??= keysOf(services());
    return { errorCode: errors.NONE, apiKeys };
  });
}

export function keysOf(services: Iterable<Service>): ApiVersionsResponse['apiKeys'] {
  return [...services]
    .map(({ call, versions: [minVersion, maxVersion] }) => ({ apiKey: call.key, minVersion, maxVersion }))
    .sort((one, other) => one.apiKey - other.apiKey);
}
