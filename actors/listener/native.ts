/** How clients of the native protocol are greeted. Reads no byte. */
import {
  FETCH_BYTES_MAX,
  FETCH_SESSIONS_MAX,
  IDLE_MS_MAX,
  REQUESTS_IN_FLIGHT_MAX,
  WAIT_MS_MAX,
} from '../../src/model/limits.ts';
import { type About, NativeSession } from '../../src/protocols/native/session.ts';
import type { Greeter, ListenerInit } from '../listener.ts';

export function greetNative(init: ListenerInit, node: number): Greeter {
  const about: About = {
    software: init.requests.facts.version,
    node,
    cluster: init.requests.facts.cluster,
    features: [],
    limits: {
      frameBytes: init.frameBytesMax,
      requestsInFlight: REQUESTS_IN_FLIGHT_MAX,
      fetchSessions: FETCH_SESSIONS_MAX,
      fetchBytes: FETCH_BYTES_MAX,
      waitMs: WAIT_MS_MAX,
      idleMs: IDLE_MS_MAX,
    },
  };
  return () => new NativeSession(init.fields, about);
}
