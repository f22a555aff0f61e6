// The server under load: `serve.ts FOLDER`, started with an IPC channel. It says on which port it listens.
import { silentLog } from '@greensward/kit';
import { systemIds, systemTimers } from '@greensward/kit/node';
import { createMqttServer, listenTls } from '@greensward/mqtt/server';
import { identityOf } from './certificates.ts';

/** What it says to its parent. */
export type FromServer = { readonly kind: 'ready'; readonly port: number } | { readonly kind: 'collected' };

const [, , folder = ''] = process.argv;
const say = (message: FromServer): void => void process.send?.(message);
const answer = Buffer.from(JSON.stringify({ timestamp: 0, queuedJobs: [], inProgressJobs: [] }));
const server = createMqttServer<string>({
  log: silentLog,
  timers: systemTimers,
  ids: systemIds,
  authenticate: ({ clientId }) => Promise.resolve({ allow: true, principal: clientId }),
  authorizePublish: () => true,
  authorizeSubscribe: () => true,
  isRequest: (topic) => topic.startsWith('$aws/'),
  onRequest: (_client, { topic }) => Promise.resolve([{ topic: `${topic}/accepted`, payload: answer }]),
});
const listener = await listenTls(server, {
  ...identityOf(folder, 'server'),
  host: '127.0.0.1',
  port: 0,
  log: silentLog,
});
process.on('disconnect', () => process.exit());
process.on('message', () => {
  global.gc?.();
  say({ kind: 'collected' });
});
say({ kind: 'ready', port: listener.port });
