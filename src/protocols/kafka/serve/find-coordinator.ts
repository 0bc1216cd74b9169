/** FindCoordinator: this node looks after every group and every transactional id. */
import { findCoordinator } from '../calls/find-coordinator.ts';
import { errors } from '../faults.ts';
import { checkGroup } from '../group-names.ts';
import { known, type Peer } from '../service.ts';

const GROUP = 0;
const TRANSACTION = 1;
const NOWHERE = { nodeId: -1, host: '', port: -1 };

export const serveFindCoordinator = known(findCoordinator, (request, peer) => {
  const one = find(request.key, request.keyType, peer);
  const coordinators = request.coordinatorKeys.map((key) => ({ key, ...find(key, request.keyType, peer) }));
  return { ...one, coordinators };
});

function find(key: string, type: number, { broker: { node, host, port } }: Peer) {
  if (type === TRANSACTION && key !== '')
    return { nodeId: node, host, port, errorCode: errors.NONE, errorMessage: null };
  if (type !== GROUP) {
    const errorMessage = 'this node has coordinators for groups and transactional ids';
    return { ...NOWHERE, errorCode: errors.INVALID_REQUEST, errorMessage };
  }
  const wrong = checkGroup(key);
  if (wrong !== null) return { ...NOWHERE, errorCode: errors.INVALID_GROUP_ID, errorMessage: wrong.message };
  return { nodeId: node, host, port, errorCode: errors.NONE, errorMessage: null };
}
