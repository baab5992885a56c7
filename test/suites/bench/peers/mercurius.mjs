import { readFile } from 'node:fs/promises'
import Fastify from 'fastify'
import mercurius from 'mercurius'

// A peer of the read: serves the tasks in the file TASKS from memory, by the schema in the file SCHEMA, compiled by graphql-jit.

const tasks = new Map(JSON.parse(await readFile(process.env.TASKS, 'utf8')).map((task) => [task.id, task]))
const app = Fastify()
app.register(mercurius, {
  schema: await readFile(process.env.SCHEMA, 'utf8'),
  resolvers: { Query: { separation: (_root, { taskId }) => tasks.get(taskId) ?? null } },
  jit: 1,
})
const address = await app.listen({ host: '127.0.0.1', port: 0 })
process.stdout.write(`listening at ${address}\n`)
process.once('SIGTERM', () => process.exit(0))
