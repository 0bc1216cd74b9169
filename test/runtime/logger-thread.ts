/** A thread that logs and is gone in the same moment. */
import { createLogger } from '../../runtime/logger.ts';

const log = createLogger({ level: 'info', format: 'json', fields: { shard: 1 } });
for (let line = 0; line < 500; line += 1) log.info({ line }, 'counted');
log.error({ error: new Error('last words') }, 'gone');
process.exit(7);
