/** `status`: what the node is, its shards, its storage and how much it holds. */
import type { Command } from 'commander';
import type { NodeReply } from '../../protocols/request.ts';
import { ask, withTimeout } from './client.ts';
import { command, globalsOf, print, type Surroundings } from './command.ts';

export function statusCommand(around: Surroundings): Command {
  const self = command('status', 'Show what the node is and how it does.', [
    'callboard status',
    'callboard status --server 127.0.0.1:7700 --json',
  ]);
  return withTimeout(self).action(async (_options: unknown, own: Command) => {
    const node = await ask(own, around, (client, bounds) => client.admin().node(bounds));
    print(around, globalsOf(own, around).json, node, () => statusText(node, Date.now()));
  });
}

export function statusText(node: Omit<NodeReply, 'call'>, now: number): string {
  const { storage, shards } = node;
  const waiting = shards.filter((shard) => shard.state !== 'running');
  const state = waiting.length === 0 ? 'all running' : `${waiting.map((one) => one.shard).join(', ')} starting again`;
  const free = `${gib(storage.freeBytes)} of ${gib(storage.totalBytes)} free`;
  return [
    `node        ${node.node} of cluster ${node.cluster}, Callboard ${node.version}`,
    `up          ${duration(now - node.startedAt)}, since ${new Date(node.startedAt).toISOString()}`,
    `shards      ${shards.length}, ${state}`,
    `topics      ${node.topics} with ${node.partitions} partitions`,
    `data        ${storage.folder}`,
    `writes      ${storage.direct ? 'direct, past the page cache' : 'buffered: the file system refuses direct writes'}`,
    `disk        ${free}${storage.refusingWrites ? '; WRITES ARE REFUSED until there is room again' : ''}`,
  ].join('\n');
}

const gib = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;

function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const parts = [Math.floor(seconds / 86_400), Math.floor(seconds / 3_600) % 24, Math.floor(seconds / 60) % 60];
  const [days, hours, minutes] = parts as [number, number, number];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}
