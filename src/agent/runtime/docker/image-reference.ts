/** What Docker's pull takes apart: without a tag it would pull every tag there is. */
export interface ImageReference {
  repository: string;
  /** A tag, or a digest, which wins where an image is named with both. */
  tag: string;
}

/** Takes apart an image name as a user writes it. */
export function parseImageReference(image: string): ImageReference {
  const at = image.indexOf('@');
  const named = at === -1 ? image : image.slice(0, at);
  // A colon before the last slash is a registry's port.
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  const repository = colon === -1 ? named : named.slice(0, colon);
  if (at !== -1) return { repository, tag: image.slice(at + 1) };
  return { repository, tag: colon === -1 ? 'latest' : named.slice(colon + 1) };
}
