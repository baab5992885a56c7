import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const paths = (
  await Promise.all(['.', 'client', 'deploy', 'docs', 'examples', 'src', 'test', 'tools'].map(filesIn))
).flat()
const texts = new Map(
  await Promise.all(paths.map(async (path) => [path, await readFile(join(root, path), 'utf8')] as const)),
)

/** The files of a folder that say something in words, below it as well unless it is the root. */
async function filesIn(folder: string): Promise<readonly string[]> {
  const files = await readdir(join(root, folder), { recursive: folder !== '.', withFileTypes: true })
  return files
    .filter((file) => file.isFile() && /\.(md|ts|ya?ml|service)$|^Dockerfile$/.test(file.name))
    .map((file) => normalize(join(folder, file.parentPath.slice(join(root, folder).length), file.name)))
    .filter((path) => !/(^|\/)(node_modules|dist)\//.test(path))
}

function withoutCode(text: string): string {
  return text.replaceAll(/^( *)(```+)[\s\S]*?^\1\2/gm, '')
}

/** The anchors that GitHub gives to the headings of a page. */
function anchorsOf(text: string): ReadonlySet<string> {
  const seen = new Map<string, number>()
  const anchors = [...withoutCode(text).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => {
    const words = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const anchor = words.replaceAll(/[^\p{L}\p{N}_\- ]/gu, '').replaceAll(' ', '-')
    const earlier = seen.get(anchor) ?? 0
    seen.set(anchor, earlier + 1)
    return earlier === 0 ? anchor : `${anchor}-${earlier}`
  })
  return new Set(anchors)
}

/** Whether there is the file, and in a page of Markdown the heading. Paths begin at the root. */
function leadsSomewhere(path: string, anchor: string | undefined): boolean {
  const text = path.endsWith('.md') ? texts.get(path) : undefined
  return existsSync(join(root, path)) && (anchor === undefined || text === undefined || anchorsOf(text).has(anchor))
}

test('every link of a page leads to a file, and to a heading that it has', () => {
  const pages = paths.filter((path) => path.endsWith('.md'))
  const broken = pages.flatMap((page) => {
    const links = withoutCode(texts.get(page) ?? '').matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)
    return [...links].flatMap(([, link = '']) => {
      const [path = '', anchor] = link.split('#')
      const isGood = leadsSomewhere(path === '' ? page : normalize(join(dirname(page), path)), anchor)
      return isGood ? [] : [`${page}: ${link}`]
    })
  })
  expect(pages.length).toBeGreaterThan(50)
  expect(broken).toEqual([])
})

test('programs, manifests and tests name pages and headings that exist', () => {
  const named = paths.flatMap((path) =>
    [...(texts.get(path) ?? '').matchAll(/(?<![\w/.])docs\/([a-z/-]+\.md)(?:#([a-z-]+))?/g)].map(
      ([link, page = '', anchor]) => ({ from: `${path}: ${link}`, page: `docs/${page}`, anchor }),
    ),
  )
  expect(named.length).toBeGreaterThan(30)
  expect(named.filter(({ page, anchor }) => !leadsSomewhere(page, anchor)).map(({ from }) => from)).toEqual([])
})
