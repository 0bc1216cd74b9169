/** ApiVersions: which calls in which versions the node serves. Asked first, and answered in version 0 where the asker is too new. */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { array, boolean, int16, int32, int64, nullable, since, string, tag } from '../schema.ts';

export const apiVersions = call({
  key: 18,
  name: 'ApiVersions',
  versions: [0, 5],
  flexible: 3,
  request: {
    clientSoftwareName: since(3, string, ''),
    clientSoftwareVersion: since(3, string, ''),
    clusterId: since(5, nullable(string), null),
    nodeId: since(5, int32, -1),
  },
  response: {
    errorCode: int16,
    apiKeys: array({ apiKey: int16, minVersion: int16, maxVersion: int16 }),
    throttleTimeMs: since(1, int32, 0),
    supportedFeatures: tag(0, since(3, array({ name: string, minVersion: int16, maxVersion: int16 }), [])),
    finalizedFeaturesEpoch: tag(1, since(3, int64, -1)),
    finalizedFeatures: tag(2, since(3, array({ name: string, maxVersionLevel: int16, minVersionLevel: int16 }), [])),
    zkMigrationReady: tag(3, since(3, boolean, false)),
  },
});
export type ApiVersionsRequest = RequestOf<typeof apiVersions>;
export type ApiVersionsResponse = ResponseOf<typeof apiVersions>;
