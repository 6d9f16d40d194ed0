import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import {
  bitString,
  context,
  fromPem,
  integer,
  oid,
  parseBitString,
  parseChildren,
  parseDer,
  parseOid,
  parseSequence,
  sequence,
  set,
  toPem,
} from './der.ts';
import {
  type AlternativeNames,
  alternativeNames,
  EXTENSION,
  findExtension,
  parseAlternativeNames,
} from './extensions.ts';
import { encodeSubject, parseSubject, type Subject } from './subject.ts';

const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';

/** Hash of each signature algorithm accepted; null where the algorithm brings its own. */
const SIGNATURE_HASH: Readonly<Record<string, string | null>> = {
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.3.101.112': null,
};

/** What somebody asks to have signed. */
export interface SigningRequest {
  readonly subject: Subject;
  readonly names: Required<AlternativeNames>;
  readonly publicKey: KeyObject;
}

/** Reads a PKCS#10 request and checks that its sender holds the key. Throws when it does not parse or verify. */
export function parseSigningRequest(pem: string): SigningRequest {
  const content = fromPem(pem, 'CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST');
  if (content === undefined) throw new Error('PEM block type must be CERTIFICATE REQUEST');
  const [info, algorithm, signature] = parseSequence(parseDer(content));
  const [, subject, keyInfo, attributes] = parseSequence(info);
  if (info === undefined || keyInfo === undefined)
    throw new Error('Cannot parse the signing request: fields are missing');
  const publicKey = createPublicKey({ key: keyInfo.raw, format: 'der', type: 'spki' });
  const algorithmId = parseOid(parseSequence(algorithm)[0]);
  const hash = SIGNATURE_HASH[algorithmId];
  if (hash === undefined) throw new Error(`Cannot verify the signing request: unknown algorithm ${algorithmId}`);
  if (!verify(hash, info.raw, publicKey, parseBitString(signature))) {
    throw new Error('Cannot verify the signing request: the signature is not of its key');
  }
  const requested = attributes === undefined ? [] : requestedExtensions(attributes);
  return {
    subject: parseSubject(subject),
    names: parseAlternativeNames(findExtension(requested, EXTENSION.subjectAltName)),
    publicKey,
  };
}

function requestedExtensions(attributes: Parameters<typeof parseChildren>[0]) {
  for (const attribute of parseChildren(attributes)) {
    const [type, values] = parseSequence(attribute);
    if (parseOid(type) === EXTENSION_REQUEST && values !== undefined)
      return parseChildren(values).flatMap(parseSequence);
  }
  return [];
}

/** Makes a PKCS#10 request for an EC key, as PEM. */
export function createSigningRequest({
  subject,
  privateKey,
  publicKey,
  names = { dnsNames: [], ipAddresses: [] },
}: {
  subject: Subject;
  privateKey: KeyObject;
  publicKey: KeyObject;
  names?: AlternativeNames;
}): string {
  const extensions = alternativeNames(names);
  const attributes = extensions.length === 0 ? [] : [sequence(oid(EXTENSION_REQUEST), set(sequence(...extensions)))];
  const info = sequence(
    integer(0),
    encodeSubject(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    context(0, Buffer.concat(attributes), { constructed: true }),
  );
  const signature = sign('sha256', info, privateKey);
  return toPem('CERTIFICATE REQUEST', sequence(info, sequence(oid('1.2.840.10045.4.3.2')), bitString(signature)));
}
