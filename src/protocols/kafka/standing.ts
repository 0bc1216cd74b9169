/** What holds for every topic and the whole node as Kafka's clients see them, while there is one node and no accounts. */

/** There has been one leader of every partition, and it is this node. */
export const LEADER_EPOCH = 0;

/** Kafka's numbers for what has settings. */
export const resourceTypes = { topic: 2, node: 4, group: 32 } as const;

const operations = {
  read: 3,
  write: 4,
  create: 5,
  delete: 6,
  alter: 7,
  describe: 8,
  clusterAction: 9,
  describeConfigs: 10,
  alterConfigs: 11,
  idempotentWrite: 12,
} as const;
const bits = (...names: readonly (keyof typeof operations)[]): number =>
  names.reduce((sum, name) => sum | (1 << operations[name]), 0);

/** Everybody may do everything: there are no accounts. */
export const TOPIC_OPERATIONS: number = bits(
  'read',
  'write',
  'create',
  'delete',
  'alter',
  'describe',
  'describeConfigs',
  'alterConfigs',
);
export const GROUP_OPERATIONS: number = bits('read', 'delete', 'describe', 'describeConfigs', 'alterConfigs');
export const CLUSTER_OPERATIONS: number = bits(
  'create',
  'alter',
  'describe',
  'clusterAction',
  'describeConfigs',
  'alterConfigs',
  'idempotentWrite',
);
