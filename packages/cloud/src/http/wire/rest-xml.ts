import type { Answer, ErrorStyle } from '../exchange.ts';
import { type XmlElement, xmlDocument } from './xml.ts';

const namespace = 'http://s3.amazonaws.com/doc/2006-03-01/';

const statuses = new Map<string, number>([
  ['AccessDenied', 403],
  ['BadDigest', 400],
  ['BucketAlreadyExists', 409],
  ['BucketAlreadyOwnedByYou', 409],
  ['BucketNotEmpty', 409],
  ['EntityTooLarge', 400],
  ['ExpiredToken', 400],
  ['IncompleteBody', 400],
  ['InvalidAccessKeyId', 403],
  ['InvalidArgument', 400],
  ['InvalidBucketName', 400],
  ['InvalidDigest', 400],
  ['InvalidRange', 416],
  ['InvalidRequest', 400],
  ['InvalidURI', 400],
  ['KeyTooLongError', 400],
  ['MalformedXML', 400],
  ['MethodNotAllowed', 405],
  ['MissingContentLength', 411],
  ['NotModified', 304],
  ['NoSuchBucket', 404],
  ['NoSuchKey', 404],
  ['NotImplemented', 501],
  ['PreconditionFailed', 412],
  ['RequestTimeTooSkewed', 403],
  ['RequestTimeout', 400],
  ['SignatureDoesNotMatch', 403],
  ['AuthorizationHeaderMalformed', 400],
  ['AuthorizationQueryParametersError', 400],
  ['XAmzContentSHA256Mismatch', 400],
]);

/** What the rest of the cloud calls an error, and what S3 does. */
const names = new Map<string, string>([
  ['AccessDeniedException', 'AccessDenied'],
  ['ExpiredTokenException', 'ExpiredToken'],
  ['IncompleteSignatureException', 'AuthorizationHeaderMalformed'],
  ['InvalidSignatureException', 'SignatureDoesNotMatch'],
  ['MissingAuthenticationTokenException', 'AccessDenied'],
  ['RequestEntityTooLargeException', 'EntityTooLarge'],
  ['RequestTimeoutException', 'RequestTimeout'],
  ['UnknownOperationException', 'NotImplemented'],
  ['UnrecognizedClientException', 'InvalidAccessKeyId'],
  ['ValidationException', 'InvalidArgument'],
]);

/** Errors of S3: `<Error><Code>...`. */
export const restXmlErrors: ErrorStyle = {
  status: (code) => statuses.get(code),
  translate: (code) => names.get(code) ?? code,
  internal: 'InternalError',
  render: (error) => ({
    status: error.status,
    headers: { 'content-type': 'application/xml' },
    body: xmlDocument('Error', undefined, [
      ['Code', error.code],
      ['Message', error.message],
      ['Resource', error.path],
      ['RequestId', error.requestId],
    ]),
  }),
};

/** A 200 with an XML document of S3. */
export function restXmlAnswer(root: string, children: readonly XmlElement[]): Answer {
  return {
    status: 200,
    headers: { 'content-type': 'application/xml' },
    body: xmlDocument(root, namespace, children),
  };
}
