import { X509Certificate } from 'node:crypto';
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { authorityHash, parseJoinToken } from '#base/join-token.ts';
import { toPem } from '#base/x509/der.ts';

/**
 * The certificate authority of the cluster behind `server`, as PEM, trusted because the token names it. Throws with the cure when the
 * server shows another one. The server sends its authority along in the TLS handshake, so nothing is asked of a stranger.
 */
export async function fetchAuthority(server: string, token: string, signal: AbortSignal): Promise<string> {
  const { authorityHash: pinned } = parseJoinToken(token);
  if (pinned === undefined) {
    throw new Error(
      'The token does not name the cluster: use the whole token as the server has it in <data-dir>/server/token, beginning with K10',
    );
  }
  const chain = await presentedChain(new URL(server), signal);
  const authority = chain.find((pem) => authorityHash(pem) === pinned);
  if (authority === undefined) {
    throw new Error(
      `The server at ${server} is not the one this token is for: it shows another certificate authority. Check the address, and take the token from that server`,
    );
  }
  const [leaf] = chain;
  const issuer = new X509Certificate(authority);
  if (leaf === undefined || !new X509Certificate(leaf).verify(issuer.publicKey)) {
    throw new Error(`The server at ${server} shows a certificate that its own authority did not sign`);
  }
  return authority;
}

function presentedChain({ hostname, port }: URL, signal: AbortSignal): Promise<string[]> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket: TLSSocket = connect({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port || 443),
      rejectUnauthorized: false,
      timeout: 10_000,
    });
    const end = (error: unknown) => {
      socket.destroy();
      reject(error);
    };
    const onAbort = () => end(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('close', () => signal.removeEventListener('abort', onAbort));
    socket.on('error', end);
    socket.on('timeout', () => end(new Error('no answer within 10 s')));
    socket.on('secureConnect', () => {
      const chain = certificatesOf(socket.getPeerCertificate(true));
      socket.destroy();
      resolve(chain);
    });
  });
}

/** Leaf first. A self-signed certificate names itself as issuer, for ever. */
function certificatesOf(leaf: DetailedPeerCertificate): string[] {
  const chain: string[] = [];
  const seen = new Set<string>();
  for (
    let next: DetailedPeerCertificate | undefined = leaf;
    next?.raw !== undefined && !seen.has(next.fingerprint256);
    next = next.issuerCertificate
  ) {
    seen.add(next.fingerprint256);
    chain.push(toPem('CERTIFICATE', next.raw));
  }
  return chain;
}
