import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { createFolderStorage } from '../../src/stems/archive/folder-storage.ts'
import { createS3Storage } from '../../src/stems/archive/s3-storage.ts'
import { newFolder } from '../support/archive.ts'

test('with a bucket, a folder for temporary files that cannot be used is not taken for the bucket', async () => {
  const access = { region: 'us-east-1', accessKeyId: 'key', secretAccessKey: 'secret' }
  const storage = createS3Storage({
    kind: 's3',
    bucket: 'stems',
    prefix: '',
    endpoint: 'http://127.0.0.1:1',
    ...access,
  })
  vi.stubEnv('TMPDIR', join(await newFolder(), 'none'))
  await expect(storage.receive()).rejects.toThrow('The folder for temporary files (TMPDIR) cannot be used: ENOENT.')
  vi.unstubAllEnvs()
})

test('many gateways can check the same folder at a time', async () => {
  const folder = await newFolder()
  await Promise.all(Array.from({ length: 40 }, () => createFolderStorage(folder).check()))
})
