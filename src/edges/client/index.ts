/** What the package exports: everything a program needs to talk to a node. Holds no code. */
export type { Topic, TopicSettings } from '../../model/topic.ts';
export type { Acks, GroupSummary, Lag } from '../../protocols/request.ts';
export {
  Admin,
  type GroupDescription,
  type GroupMember,
  type GroupPartition,
  type PartitionOffset,
  type ResetPartition,
} from './admin.ts';
export { Broadcast, type BroadcastOptions } from './broadcast.ts';
export { Client, type ConnectOptions, connect } from './client.ts';
export { type CommitOffset, Consumer, type ConsumerOptions } from './consumer.ts';
export { CallboardError, type ClientCode } from './errors.ts';
export type { Message, OutgoingMessage, Payload, Sent, TopicPartition } from './message.ts';
export { murmur2, type Partitioner, partitionOfKey } from './partitioner.ts';
export type { Clock, Random, ServerAddress, Socket, SocketHandlers, Transport } from './ports.ts';
export type { Position, TimedPosition } from './position.ts';
export { Producer, type ProducerOptions, type SendOptions } from './producer.ts';
export { type PollOptions, Reader, type ReaderOptions, type ReadOptions } from './reader.ts';
export { parseServer } from './server.ts';
export type { Handler, RunOptions } from './workers.ts';
