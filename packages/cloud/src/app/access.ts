import { createHash } from 'node:crypto';
import { Fault } from '@greensward/kit';
import type { AccessUseCases } from './app.ts';
import type { AppDeps } from './context.ts';
import type { DeviceRights } from './device-rights.ts';

/** Who calls: the secret behind an access key, the device behind a client certificate. */
export function createAccess(
  { storage, sessions, clock }: Pick<AppDeps, 'storage' | 'sessions' | 'clock'>,
  rights: DeviceRights,
): AccessUseCases {
  const idOf = (certificateDer: Uint8Array) => createHash('sha256').update(certificateDer).digest('hex');

  return {
    secret: (accessKeyId) => storage.read(async (tx) => (await tx.accessKeys.get(accessKeyId))?.secret),

    session(accessKeyId, sessionToken) {
      const found = sessions.open(accessKeyId, sessionToken);
      if (found === undefined || found.session.expiresAt > clock.now()) return found;
      const message = `The security token included in the request is expired, since ${new Date(found.session.expiresAt).toISOString()}.`;
      throw new Fault('ExpiredTokenException', message);
    },

    device: (certificateDer) => rights.identity(idOf(certificateDer)),

    async connect(certificateDer, { clientId, sourceIp }) {
      const device = await rights.identity(idOf(certificateDer));
      if (device === undefined) return { refused: 'its certificate is not registered, or is not ACTIVE' };
      // Whatever a policy allows: a connection under the name of a thing would take over that of the thing itself.
      const name = clientId.split('#', 1)[0] ?? '';
      if (!device.things.includes(name)) {
        const isThing = (await storage.read((tx) => tx.things.existing([name]))).has(name);
        if (isThing) return { refused: 'its client id is the name of a thing that its certificate is not attached to' };
      }
      const connection = device.connection({ clientId, sourceIp });
      if (!connection.may('iot:Connect', `client/${clientId}`)) {
        return { refused: 'no policy of its certificate allows iot:Connect with its client id' };
      }
      return connection;
    },
  };
}
