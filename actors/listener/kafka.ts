/** How Kafka's clients are greeted: a third of a shard's code hangs on it, and is loaded with it. Reads no byte. */
import { type NetworkPlace, parsePlace } from '../../src/model/place.ts';
import { KafkaSession } from '../../src/protocols/kafka/session.ts';
import type { Greeter, ListenerInit } from '../listener.ts';

export function greetKafka(init: ListenerInit, node: number): Greeter {
  const { version, cluster } = init.requests.facts;
  const { advertised, defaults, autoCreate, offsetRetentionMs, migration, groupBounds, frameBytesMax } = init;
  const settings = { defaults, autoCreate, offsetRetentionMs, migration, groupBounds };
  return (socket) => {
    const { host, port } = { ...parsePlace(socket.local), ...withoutEmpty(advertised) };
    const broker = { node, cluster, version, host: host ?? '', port: port ?? 0, ...settings };
    return new KafkaSession(broker, frameBytesMax);
  };
}

/** Where the client came to, but for what is advertised. */
const withoutEmpty = (place: NetworkPlace): Partial<NetworkPlace> => (place.host === '' ? {} : place);
