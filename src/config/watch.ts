import { realpath, stat } from 'node:fs/promises';

async function signatureOfOne(file: string): Promise<string> {
  try {
    const [path, { dev, ino, size, mtimeNs, ctimeNs }] = await Promise.all([realpath(file), stat(file, { bigint: true })]);
    return `${path}:${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
  } catch (error) {
    return `${file}:${(error as NodeJS.ErrnoException).code}`;
  }
}

/**
 * Another text as soon as one of the files was written, replaced, removed, or reached through other symbolic links. Asking is the one way that
 * sees all of these: notifications are lost when an editor renames a file over it, when Kubernetes moves the link of a volume
 * (https://kubernetes.io/docs/concepts/configuration/configmap/#mounted-configmaps-are-updated-automatically), and on network filesystems
 * (https://nodejs.org/docs/latest-v24.x/api/fs.html#caveats).
 */
export async function signatureOf(files: readonly string[]): Promise<string> {
  return (await Promise.all(files.map(signatureOfOne))).join('\n');
}
