import { Fault } from '@greensward/kit';

/** The fault of a policy document that breaks the grammar. The message begins with the path of the member, once it is known. */
export function malformed(message: string): Fault {
  return new Fault('MalformedPolicyException', message);
}
