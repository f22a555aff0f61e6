import { Fault } from '@greensward/kit';
import { type Answer, type Arrival, type Call, headerOf, type Route } from '../exchange.ts';
import { rangeOf, sendBytes } from '../range.ts';
import { restXmlErrors } from '../wire/rest-xml.ts';

/** A pre-signed artifact. The URL is the permission: the downloader of a nucleus has no certificate to show. */
export const artifactRoute: Route<Arrival, Answer> = {
  service: 'artifacts',
  operation: 'GetArtifact',
  errors: restXmlErrors,
  access: 'open',
  body: 'whole',
  maxBytes: 0,
  parse: ({ arrival }) => arrival,
  async handle(arrival: Arrival, { app }: Call) {
    const granted = await app.objects.presigned(arrival.path, new URLSearchParams(arrival.query));
    if (granted === undefined) throw new Fault('AccessDenied', 'The URL is not valid, or it has expired');
    const range = rangeOf(headerOf(arrival.headers, 'range'), granted.size);
    const open = arrival.method === 'HEAD' ? undefined : granted.open;
    return sendBytes(granted.size, range, open, { 'content-type': 'application/octet-stream' });
  },
  serialize: (answer) => answer,
};
