/** PushTelemetry: nobody was asked for metrics, so none are taken, nor unpacked. */
import { pushTelemetry } from '../calls/push-telemetry.ts';
import { errors } from '../faults.ts';
import { NO_UUID } from '../reading.ts';
import { known } from '../service.ts';

/** Of one push, as it comes. */
export const TELEMETRY_BYTES_MAX = 1_048_576;

export const servePushTelemetry = known(pushTelemetry, ({ clientInstanceId, metrics }) => {
  if (clientInstanceId === NO_UUID) return { errorCode: errors.INVALID_REQUEST };
  if (metrics.length > TELEMETRY_BYTES_MAX) return { errorCode: errors.TELEMETRY_TOO_LARGE };
  return { errorCode: errors.UNKNOWN_SUBSCRIPTION_ID };
});
