import type { Socket } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { Fault, type Log, messageOf } from '@greensward/kit';
import type { Peer } from './connection.ts';

/** PEM. `ca` is what client certificates are checked against; without it `admit` alone decides about them. */
interface Certificates {
  readonly key: string | Buffer;
  /** Leaf first, then intermediates. */
  readonly cert: string | Buffer;
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
}

interface TlsOptions extends Certificates {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly log: Log;
  /**
   * Decides about a client certificate (DER) before a byte of the client is read. The handshake has proved that the client holds
   * its key, and with `ca` that it chains to one of those. A rejection refuses. Required without `ca`.
   */
  readonly admit?: (certificate: Uint8Array) => Promise<boolean>;
  /** From the start of a connection to the end of its TLS handshake. Default 10,000. */
  readonly handshakeTimeoutMs?: number;
}

/** `x-amzn-mqtt-ca` is what AWS clients offer, at any port. */
const KNOWN_PROTOCOLS = ['x-amzn-mqtt-ca', 'mqtt'];

export interface TlsListener {
  readonly port: number;
  /** Serves new connections with these; open ones stay. Throws what OpenSSL says of bad ones, and then keeps the old. */
  setCertificates(certificates: Certificates): void;
  /** Stops listening and drops connections in their handshake. The served ones are the server's to close. */
  close(): Promise<void>;
}

/**
 * Listens with TLS (1.2 or later) for clients with a certificate and hands their connections to `server`. A client that offers
 * a name of MQTT by ALPN is answered with it; one that offers none, or only names we do not know, is served all the same.
 * Rejects with a `Fault` ListenFailed (context: host, port, code) when the port cannot be had.
 */
export function listenTls(
  server: { handle(stream: Socket, peer: Peer): void },
  options: TlsOptions,
): Promise<TlsListener> {
  const { log, host, port, admit } = options;
  if (options.ca === undefined && admit === undefined) {
    return Promise.reject(new Fault('ListenFailed', 'nothing decides about client certificates: neither ca nor admit'));
  }
  const listener = createServer({
    ...contextOf(options),
    requestCert: true,
    rejectUnauthorized: options.ca !== undefined,
    handshakeTimeout: options.handshakeTimeoutMs ?? 10_000,
    // Without it an answer waits for the delayed acknowledgement of the one before: 44 ms a request.
    noDelay: true,
    // A peer that is gone without a word is noticed by TCP where no keep-alive of MQTT was agreed (3.1.1).
    keepAlive: true,
    keepAliveInitialDelay: 300_000,
    ALPNCallback: ({ protocols }) => KNOWN_PROTOCOLS.find((known) => protocols.includes(known)) ?? protocols[0],
  });
  // Connections that are not served yet, by their two ends: the TLS socket does not say which plain one it stands on.
  const handshaking = new Map<string, Socket>();
  listener.on('connection', (socket: Socket) => {
    const ends = endsOf(socket);
    handshaking.set(ends, socket);
    socket.once('close', () => handshaking.delete(ends));
  });
  listener.on('tlsClientError', (error, socket) => {
    log.info('TLS handshake refused', { remoteAddress: socket.remoteAddress, error: messageOf(error) });
    socket.destroy();
  });
  listener.on('secureConnection', (socket) => {
    const certificate = peerCertificate(socket);
    const serve = (): void => {
      handshaking.delete(endsOf(socket));
      server.handle(socket, { address: socket.remoteAddress ?? '', ...(certificate && { certificate }) });
    };
    const refuse = (error: string): void => {
      log.info('client certificate refused', { remoteAddress: socket.remoteAddress, error });
      socket.destroy();
    };
    if (admit === undefined) return serve();
    if (certificate === undefined) return refuse('it presented none');
    const ignore = (): void => {};
    socket.on('error', ignore); // Until there is somebody to hear it.
    admit(certificate).then(
      (admitted) => {
        if (!admitted) return refuse('it is not admitted');
        if (socket.destroyed) return;
        serve();
        socket.off('error', ignore);
      },
      (error) => refuse(messageOf(error)),
    );
  });
  return new Promise((resolve, reject) => {
    listener.on('error', (error: NodeJS.ErrnoException) => {
      // After the start it is an accept that failed, for want of file descriptors: nothing to do but say so.
      if (listener.listening) log.error('TLS listener failed', { error: messageOf(error) });
      const context = { host, port, code: error.code };
      reject(new Fault('ListenFailed', `cannot listen on ${host}:${port}`, { cause: error, context }));
    });
    listener.listen(port, host, () => {
      const address = listener.address();
      resolve({
        port: typeof address === 'object' && address ? address.port : port,
        setCertificates: (certificates) => listener.setSecureContext(contextOf(certificates)),
        close: () => {
          for (const socket of handshaking.values()) socket.destroy();
          listener.close();
          return Promise.resolve();
        },
      });
    });
  });
}

function contextOf({ key, cert, ca }: Certificates) {
  return {
    key,
    cert,
    // None at all: not the public ones either. Then no names of authorities are sent, by which a client would pick its certificate.
    ca: ca === undefined ? [] : typeof ca === 'string' || Buffer.isBuffer(ca) ? ca : [...ca],
    minVersion: 'TLSv1.2' as const,
  };
}

/** DER; undefined when the client presented none, or is gone. */
function peerCertificate(socket: TLSSocket): Uint8Array | undefined {
  // Not getPeerX509Certificate: of a chain of two or more, Node 24 never frees the certificates it made for it.
  const certificate: { raw?: Uint8Array } | null = socket.getPeerCertificate();
  return certificate?.raw;
}

function endsOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress}`;
}
