import { Fault } from '@greensward/kit';
import type { Answer, ErrorStyle } from '../exchange.ts';
import { type XmlElement, xmlDocument } from './xml.ts';

const statuses = new Map<string, number>([
  ['AccessDenied', 403],
  ['ExpiredToken', 400],
  ['IncompleteSignature', 400],
  ['InvalidAction', 400],
  ['InvalidClientTokenId', 403],
  ['MalformedInput', 400],
  ['MissingAuthenticationToken', 403],
  ['RequestEntityTooLarge', 413],
  ['RequestTimeout', 408],
  ['SignatureDoesNotMatch', 403],
]);

const names = new Map<string, string>([
  ['AccessDeniedException', 'AccessDenied'],
  ['ExpiredTokenException', 'ExpiredToken'],
  ['IncompleteSignatureException', 'IncompleteSignature'],
  ['InvalidSignatureException', 'SignatureDoesNotMatch'],
  ['MissingAuthenticationTokenException', 'MissingAuthenticationToken'],
  ['RequestEntityTooLargeException', 'RequestEntityTooLarge'],
  ['RequestTimeoutException', 'RequestTimeout'],
  ['UnknownOperationException', 'InvalidAction'],
  ['UnrecognizedClientException', 'InvalidClientTokenId'],
  ['ValidationException', 'MalformedInput'],
]);

/** Errors of a Query service with this XML namespace. */
export function queryErrors(namespace: string): ErrorStyle {
  return {
    status: (code) => statuses.get(code),
    translate: (code) => names.get(code) ?? code,
    internal: 'InternalFailure',
    render: (error) => ({
      status: error.status,
      headers: { 'content-type': 'text/xml' },
      body: xmlDocument('ErrorResponse', namespace, [
        [
          'Error',
          [
            ['Type', error.status < 500 ? 'Sender' : 'Receiver'],
            ['Code', error.code],
            ['Message', error.message],
          ],
        ],
        ['RequestId', error.requestId],
      ]),
    }),
  };
}

/** The form members of a Query request. */
export function queryForm(body: Uint8Array): URLSearchParams {
  return new URLSearchParams(Buffer.from(body).toString('utf8'));
}

/** A 200 `<{action}Response><{action}Result>...`. */
export function queryAnswer(namespace: string, action: string, result: readonly XmlElement[]): Answer {
  return {
    status: 200,
    headers: { 'content-type': 'text/xml' },
    body: xmlDocument(`${action}Response`, namespace, [[`${action}Result`, result]]),
  };
}

/** Refuses an action that is not served. */
export function unknownAction(service: string, action: string | null): Fault {
  return new Fault('UnknownOperationException', `${service} does not serve the action ${action ?? '(none)'}`);
}
