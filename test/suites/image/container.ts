import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { runCommand } from './run-command.ts'
import type { Image } from './build-image.ts'

/** A running container: a process with mounts, process ids and a network of its own. */
export interface Container {
  /** The gateway's process id, as this machine sees it. */
  readonly pid: number
  /** All that was written to standard output and standard error. */
  output(): string
  /** Runs a program in the container, as `docker exec` does, and gives its standard output. */
  exec(command: readonly string[], environment?: Readonly<Record<string, string>>): Promise<string>
  /** Sends SIGTERM, and gives the exit code and the seconds that the stop took. */
  stop(): Promise<{ readonly code: number | null; readonly seconds: number }>
}

/** Mounts the image for reading alone, with the volume, /tmp, /proc and /dev, and runs `$@` in it. */
const mounts = `set -e
ip link set lo up
mount --make-rprivate /
mount --bind "$ROOT" "$ROOT"
mount --options remount,bind,ro "$ROOT"
mount --bind "$DATA" "$ROOT$VOLUME"
mount --types tmpfs tmpfs "$ROOT/tmp"
mount --types proc proc "$ROOT/proc"
mount --rbind /dev "$ROOT/dev"
exec "$@"`

/**
 * Starts the image as an orchestrator would: its own command, user and environment, no capabilities, a read-only file system, and a
 * volume for its data. It reaches no network.
 * @param dataFolder is the volume; the image's user must be able to write to it
 * @param environment is added to the image's
 */
export async function startContainer(
  { config, rootFolder }: Image,
  dataFolder: string,
  environment: Readonly<Record<string, string>>,
): Promise<Container> {
  const [uid = '', gid = ''] = config.User.split(':')
  const rights = ['--reuid', uid, '--regid', gid, '--clear-groups', '--no-new-privs', '--bounding-set', '-all']
  const enter = (command: readonly string[], more: Readonly<Record<string, string>>) => {
    const variables = [...config.Env, ...Object.entries(more).map(([name, value]) => `${name}=${value}`)]
    const within = ['env', '--ignore-environment', `--chdir=${config.WorkingDir}`, ...variables, ...command]
    return ['chroot', rootFolder, 'setpriv', ...rights, ...within]
  }
  const [volume = ''] = Object.keys(config.Volumes)
  const child = spawn(
    'unshare',
    [
      '--mount',
      '--pid',
      '--net',
      '--fork',
      '--kill-child',
      'sh',
      '-c',
      mounts,
      'sh',
      ...enter(config.Cmd, environment),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ROOT: rootFolder, DATA: dataFolder, VOLUME: volume } },
  )
  const ended = once(child, 'exit')
  // Also after a failure: `--kill-child` then ends all processes of the container.
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  void ended.then(() => process.off('exit', kill))
  let output = ''
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data) => {
        output += String(data)
        if (output.includes('is listening at')) resolve()
      })
    }
    void ended.then(() => reject(new Error(`The container ended:\n${output}`)))
  })
  const pid = Number(await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8'))
  return {
    pid,
    output: () => output,
    exec: (command, more = {}) => {
      const namespaces = ['--target', String(pid), '--mount', '--pid', '--net']
      return runCommand('nsenter', [...namespaces, ...enter(command, { ...environment, ...more })], 60)
    },
    async stop() {
      const startedAt = performance.now()
      process.kill(pid, 'SIGTERM')
      const [code] = await ended
      return { code, seconds: (performance.now() - startedAt) / 1_000 }
    },
  }
}
