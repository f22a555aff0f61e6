import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

/** A client certificate by the thousand: EC P-256, all with one key, each of its own name. */
export interface FleetCertificate {
  /** PEM. */
  readonly cert: string;
  /** SHA-256 of the DER form, hex: how AWS names certificates. */
  readonly certificateId: string;
}

/** The key of all of them, PEM (PKCS #8). */
export function makeFleetKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
}

const tags = { integer: 0x02, bits: 0x03, oid: 0x06, text: 0x0c, time: 0x18, sequence: 0x30, set: 0x31, version: 0xa0 };
/** RFC 5758: ecdsa-with-SHA256; RFC 5280: id-at-commonName. */
const oids = { ecdsaSha256: '2a8648ce3d040302', commonName: '550403' };

/**
 * A self-signed X.509 certificate (RFC 5280) for `name`, valid from 2020 to 2099. Written by hand because a general library
 * takes milliseconds for each, and a fleet has thousands; registered without a CA, as they are.
 */
export function makeFleetCertificate(key: string, name: string): FleetCertificate {
  const privateKey = createPrivateKey(key);
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const algorithm = der(tags.sequence, der(tags.oid, Buffer.from(oids.ecdsaSha256, 'hex')));
  const attribute = der(
    tags.sequence,
    der(tags.oid, Buffer.from(oids.commonName, 'hex')),
    der(tags.text, Buffer.from(name)),
  );
  const subject = der(tags.sequence, der(tags.set, attribute));
  const validity = der(tags.sequence, time('20200101000000Z'), time('20991231000000Z'));
  const version3 = der(tags.version, der(tags.integer, Buffer.from([2])));
  // Positive, and so that no two are alike.
  const serial = der(tags.integer, Buffer.concat([Buffer.from([1]), randomBytes(15)]));
  const body = der(tags.sequence, version3, serial, algorithm, subject, validity, subject, publicKey);
  const signature = der(tags.bits, Buffer.from([0]), sign('sha256', body, privateKey));
  const whole = der(tags.sequence, body, algorithm, signature);
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    certificateId: createHash('sha256').update(whole).digest('hex'),
  };
}

function time(text: string): Buffer {
  return der(tags.time, Buffer.from(text));
}

/** Tag, length, content (X.690, definite form). */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const header =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), content]);
}
