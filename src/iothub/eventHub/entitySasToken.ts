import { createHmac } from 'node:crypto';

/**
 * Creates a shared access signature for Event Hubs. Unlike IoT Hub's, it is signed with the text of the key, not with
 * the bytes that the text encodes.
 *
 * @param resource the entity that it grants access to, `sb://<host>/<entity path>`
 * @param expiresAt Unix time, s
 * @see https://learn.microsoft.com/azure/event-hubs/authenticate-shared-access-signature
 */
export function entitySasToken(
  resource: string,
  policy: { name: string; key: string },
  expiresAt: number,
): string {
  const encoded = encodeURIComponent(resource);
  const signature = createHmac('sha256', policy.key).update(`${encoded}\n${expiresAt}`).digest('base64');
  return `SharedAccessSignature sr=${encoded}&sig=${encodeURIComponent(signature)}&se=${expiresAt}&skn=${encodeURIComponent(policy.name)}`;
}
