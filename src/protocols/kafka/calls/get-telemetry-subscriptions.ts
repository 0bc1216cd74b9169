/** GetTelemetrySubscriptions: which of its metrics a client should push (KIP-714). */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { arrayOf, boolean, int8, int16, int32, or, string, uuid } from '../schema.ts';

export const getTelemetrySubscriptions = call({
  key: 71,
  name: 'GetTelemetrySubscriptions',
  versions: [0, 0],
  flexible: 0,
  request: {
    clientInstanceId: uuid,
  },
  response: {
    throttleTimeMs: or(int32, 0),
    errorCode: int16,
    clientInstanceId: uuid,
    subscriptionId: int32,
    acceptedCompressionTypes: arrayOf(int8),
    pushIntervalMs: int32,
    telemetryMaxBytes: int32,
    deltaTemporality: boolean,
    requestedMetrics: arrayOf(string),
  },
});
export type GetTelemetrySubscriptionsRequest = RequestOf<typeof getTelemetrySubscriptions>;
export type GetTelemetrySubscriptionsResponse = ResponseOf<typeof getTelemetrySubscriptions>;
