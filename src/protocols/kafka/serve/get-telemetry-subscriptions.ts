/** GetTelemetrySubscriptions: the node wants none of its clients' metrics. Who has no instance id is given one all the same. */
import { ask } from '../asking.ts';
import { getTelemetrySubscriptions } from '../calls/get-telemetry-subscriptions.ts';
import { errorOf, errors } from '../faults.ts';
import { NO_UUID } from '../reading.ts';
import { service } from '../service.ts';
import { TELEMETRY_BYTES_MAX } from './push-telemetry.ts';

/** When a client is to ask again, ms. */
const ASK_AGAIN_MS = 300_000;
const NO_SUBSCRIPTION = 0;

export const serveGetTelemetrySubscriptions = service(getTelemetrySubscriptions, function* ({ clientInstanceId }) {
  const none = {
    errorCode: errors.NONE,
    clientInstanceId,
    subscriptionId: NO_SUBSCRIPTION,
    acceptedCompressionTypes: [],
    pushIntervalMs: ASK_AGAIN_MS,
    telemetryMaxBytes: TELEMETRY_BYTES_MAX,
    deltaTemporality: true,
    requestedMetrics: [],
  };
  if (clientInstanceId !== NO_UUID) return none;
  const fresh = yield* ask<'freshId'>({ call: 'freshId' });
  if (!fresh.ok) return { ...none, errorCode: errorOf(fresh.fault.code) };
  return { ...none, clientInstanceId: fresh.value.id.replaceAll('-', '') };
});
