import type { Broker } from './broker.ts';
import type { ClientView } from './options.ts';
import { REASON } from './reasons.ts';
import type { Session } from './session.ts';
import { parseShared } from './subscription.ts';

/**
 * The session for a client that was let in, found by its client id [v3 3.1.3-2] [v5 3.1.3-2]. Its old connection is closed
 * before [v3 3.1.4-2] [v5 3.1.4-3]. Undefined when there are too many sessions.
 */
export function openSession<P>(
  broker: Broker<P>,
  view: ClientView<P>,
  clean: boolean,
): { readonly session: Session<P>; readonly present: boolean } | undefined {
  broker.sessions.get(view.clientId)?.link?.close('taken-over', REASON.sessionTakenOver);
  const kept = broker.sessions.get(view.clientId);
  if (kept && !clean && stillAllowed(broker, kept, view)) {
    resume(broker, kept, view); // [v3 3.1.2-4 3.1.4-3] [v5 3.1.2-5 3.1.4-4]
    return { session: kept, present: true };
  }
  if (kept) broker.endSession(kept); // [v3 3.1.2-6] [v5 3.1.2-4]
  const session = broker.newSession(view); // [v5 3.1.2-6]
  return session && { session, present: false };
}

function resume<P>(broker: Broker<P>, session: Session<P>, view: ClientView<P>): void {
  session.cancelExpiry?.();
  session.cancelExpiry = undefined;
  // A delayed will is not sent when its client is back in time [v5 3.1.3-9].
  session.cancelWill?.();
  session.cancelWill = undefined;
  session.will = undefined;
  session.view = view;
  // What may be received can have changed, and after a restart it was not asked.
  session.extract(({ message }) => !broker.allows('authorizeReceive', view, message.topic));
}

/**
 * A subscription that is refused now (the policy changed, or another identity came) must not live on in the session: the
 * client would be told it is there. Starting anew makes it subscribe again, and be told.
 */
function stillAllowed<P>(broker: Broker<P>, session: Session<P>, view: ClientView<P>): boolean {
  for (const filter of session.subscriptions.keys()) {
    const shared = parseShared(filter);
    if (!broker.allows('authorizeSubscribe', view, shared?.filter ?? filter, shared?.shareName)) return false;
  }
  return true;
}
