/** DeleteGroups: groups without members, with all that they have committed. One that is named twice goes once. */

import { resultOf } from '../asking.ts';
import { deleteGroups } from '../calls/delete-groups.ts';
import { coordinatorErrorOf, errors } from '../faults.ts';
import { service } from '../service.ts';

export const serveDeleteGroups = service(deleteGroups, function* (request) {
  const names = [...new Set(request.groupsNames)];
  const replies = names.length === 0 ? [] : yield names.map((group) => ({ call: 'deleteGroup', group }));
  const results = names.map((groupId, index) => {
    const deleted = resultOf<'deleteGroup'>('deleteGroup', replies[index]);
    if (deleted.ok) return { groupId, errorCode: errors.NONE };
    return { groupId, errorCode: coordinatorErrorOf(deleted.fault.code), errorMessage: deleted.fault.message };
  });
  return { results };
});
