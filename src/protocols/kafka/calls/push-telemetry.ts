/** PushTelemetry: metrics of a client (KIP-714). */
import { call, type RequestOf, type ResponseOf } from '../call.ts';
import { boolean, bytes, int8, int16, int32, or, uuid } from '../schema.ts';

export const pushTelemetry = call({
  key: 72,
  name: 'PushTelemetry',
  versions: [0, 0],
  flexible: 0,
  request: {
    clientInstanceId: uuid,
    subscriptionId: int32,
    terminating: boolean,
    compressionType: int8,
    metrics: bytes,
  },
  response: {
    throttleTimeMs: or(int32, 0),
    errorCode: int16,
  },
});
export type PushTelemetryRequest = RequestOf<typeof pushTelemetry>;
export type PushTelemetryResponse = ResponseOf<typeof pushTelemetry>;
