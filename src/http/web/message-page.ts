import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'

/** What a small page says. Both texts are plain: the page escapes them. */
export interface MessagePage {
  readonly status: number
  readonly heading: string
  readonly message: string
  readonly headers?: Readonly<Record<string, string>>
}

/** The style is part of the page, because a refused visitor may load no other file. The policy names it by its hash. */
const style = `
:root { color-scheme: light dark; --text: #1c2024; --soft: #5b6570; --page: #f7f8f8; --accent: #0b6b63 }
@media (prefers-color-scheme: dark) { :root { --text: #eceff1; --soft: #a7b1ba; --page: #121517; --accent: #5fd3c6 } }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--page); color: var(--text);
  font: 1rem/1.6 system-ui, sans-serif }
main { box-sizing: border-box; max-width: 34rem; padding: 2rem 1.5rem }
p { color: var(--soft); overflow-wrap: anywhere }
h1 { margin: 0 0 .5rem; font-size: 1.5rem; line-height: 1.3; font-weight: 600 }
a { color: var(--accent) }
`
const policy = () =>
  `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; ` +
  `base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

/** Answers a person with a small page that loads nothing. */
export function sendMessagePage(response: ServerResponse, { status, heading, message, headers }: MessagePage): void {
  response.appendHeader('vary', 'Accept')
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy(),
    'cache-control': 'no-store',
    ...headers,
  })
  response.end(
    `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(heading)} – Stemgate</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${escapeHtml(heading)}</h1>
<p>${escapeHtml(message)}</p>
<p><a href="/">Stemgate</a></p>
</main>
</body>
</html>
`,
  )
}

function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  }
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character)
}
